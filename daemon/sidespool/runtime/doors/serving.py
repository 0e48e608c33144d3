"""Opens and closes the doors: the sockets that the doorstep bound before, the pipe on Windows."""

import asyncio
import sys
from typing import Any

from sidespool.core.gate import GateRules, origin_allowed
from sidespool.runtime.doors.guard import GuardProtocol, Lobby
from sidespool.runtime.doors.ndjson import NdjsonProtocol
from sidespool.runtime.doors.reception import Reception, Spawn
from sidespool.runtime.doors.shows import Shows
from sidespool.runtime.doors.viewer import Viewer
from sidespool.runtime.doorstep import Doorstep
from sidespool.runtime.part_import import import_over_part


class Doors:
    """All doors but standard input."""

    def __init__(
        self,
        doorstep: Doorstep,
        reception: Reception,
        origins: tuple[str, ...],
        shows: Shows,
        viewer: Viewer,
    ) -> None:
        self._doorstep = doorstep
        self._reception = reception
        self._origins = origins
        self._shows = shows
        self._viewer = viewer
        self._rules = GateRules(doorstep.port, doorstep.token.encode(), origins)
        self._servers: list[Any] = []
        self._http: Any = None
        self._loading = asyncio.Lock()

    async def open(self, spawn: Spawn) -> None:
        """Accepts from now on, and whoever waits in the listen queue since the ready line."""
        loop = asyncio.get_running_loop()
        step, reception = self._doorstep, self._reception

        def ndjson() -> NdjsonProtocol:
            return NdjsonProtocol(reception, step.token)

        lobby = Lobby(reception)

        def guard() -> GuardProtocol:
            return GuardProtocol(reception, self._rules, self._handler, spawn, lobby)

        if step.unix is not None:
            self._servers.append(await loop.create_unix_server(ndjson, sock=step.unix))
        elif sys.platform == "win32" and step.socket_path is not None:
            pipes = getattr(loop, "start_serving_pipe", None)
            if pipes is not None:
                self._servers.extend(await pipes(ndjson, step.socket_path))
        self._servers.append(await loop.create_server(guard, sock=step.tcp))

    async def _handler(self) -> Any:
        """aiohttp's protocol factory; loaded, in a thread, by the first request that passes."""
        async with self._loading:
            if self._http is None:
                module = await asyncio.to_thread(_load_http)
                door = module.HttpDoor(
                    self._reception,
                    lambda origin: origin_allowed(origin.encode(), self._origins),
                    self._shows,
                    self._viewer,
                )
                self._http = (door, await door.start())
        return self._http[1]

    async def close(self) -> None:
        """Accepts nothing more; open connections get what they were promised, then close."""
        for server in self._servers:
            server.close()
        if self._http is not None:
            await self._http[0].close()


def _load_http() -> Any:
    """Blocks for some 100 ms. Of aiohttp only the server's half is loaded."""
    return import_over_part("sidespool.runtime.doors.http", "aiohttp.web")
