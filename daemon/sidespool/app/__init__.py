"""Wires the rooms together: what is kept (storage), what leaves (outbound), and the daemon."""
