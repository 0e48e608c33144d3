"""Sidespool: telemetry that leaves only as the user agreed, and is never lost on the way.

Importing this package loads nothing else, so that `sidespool run` starts with only what it uses.
"""

__version__ = "0.1.0"
