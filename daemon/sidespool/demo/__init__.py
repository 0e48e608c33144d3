"""The demo: a simulated app on real parts, at work on this machine only.

Daemon, doors, spool, uploader, collector and Python client are the real ones; simulated are the
people, their work, and the clock by which their day passes.
"""
