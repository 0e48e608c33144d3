"""The Python client for a host application's backend: `from sidespool.client import Telemetry`."""

from sidespool.client.telemetry import Stats, Telemetry

__all__ = ["Stats", "Telemetry"]
