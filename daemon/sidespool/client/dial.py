"""Picks the best door of a daemon and connects to it."""

import socket

from sidespool.client.discovery import Door
from sidespool.client.link import Link
from sidespool.client.socket_link import SocketLink


def dial(door: Door, client: str, session_id: str | None) -> Link:
    """A connection by the best door this platform has; raises LinkLost."""
    if door.socket and hasattr(socket, "AF_UNIX"):
        try:
            return SocketLink(door, client, session_id)
        except OSError:
            pass  # the socket's file is gone or out of reach (another mount): the port may do
    from sidespool.client.http_link import HttpLink  # brings ssl along, 6 ms

    return HttpLink(door, client, session_id)
