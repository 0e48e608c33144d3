"""Alerts: rules from a file, a pure machine that decides, thin senders that tell."""
