"""From the bytes of a request to checked events: limits, gunzip, validation, rate."""
