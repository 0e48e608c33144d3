"""What `sidespool doctor` looks at: this machine, and the way to the collector."""
