"""The simulated app's main process: starts the daemon as Electron would and speaks over its pipe.

Run as `python -m sidespool.demo.app_process`. It is a process of its own so that it can be killed
with SIGKILL: the daemon then sees nothing but the end of its standard input.

Lines in, from the demo: `{"do":"start","token":…}`, `{"do":"emit","events":[…]}`, `{"do":"quit"}`.
Lines out: `{"ready":{…}}`, `{"acknowledged":[ids],"rejected":{reason:n}}`, `{"ended":code}`.
"""

import json
import subprocess
import sys
import threading
from typing import IO, Any


class AppProcess:
    """Forwards events to the daemon, and its acknowledgements back."""

    def __init__(self) -> None:
        self._sent: dict[int, list[str]] = {}
        self._next_id = 1
        self._daemon = subprocess.Popen(
            [sys.executable, "-m", "sidespool", "run", "--stdio", *sys.argv[1:]],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
        )
        assert self._daemon.stdin is not None
        assert self._daemon.stdout is not None
        self._into: IO[bytes] = self._daemon.stdin
        self._from: IO[bytes] = self._daemon.stdout

    def start(self, token: str, session_id: str) -> None:
        """The ready line goes to the demo; the token goes down the pipe, never through argv."""
        say({"ready": json.loads(self._from.readline())})
        threading.Thread(target=self._listen, daemon=True).start()
        self._tell({"op": "hello", "client": "electron-main", "session_id": session_id})
        self._tell({"op": "set", "id": 0, "secrets": {"collector_token": token}})

    def emit(self, events: list[dict[str, Any]]) -> None:
        """One frame of events."""
        frame_id, self._next_id = self._next_id, self._next_id + 1
        self._sent[frame_id] = [event["event_id"] for event in events]
        self._tell({"op": "emit", "id": frame_id, "events": events})

    def quit(self) -> None:
        """The app ends: so does the daemon's standard input."""
        self._into.close()
        say({"ended": self._daemon.wait()})

    def _tell(self, frame: dict[str, Any]) -> None:
        self._into.write(json.dumps(frame).encode() + b"\n")
        self._into.flush()

    def _listen(self) -> None:
        for line in self._from:
            frame = json.loads(line)
            ids = self._sent.pop(frame.get("id"), None) if frame.get("op") == "ack" else None
            if ids is None:
                continue
            refused = {one["index"]: one["reason"] for one in frame["rejected"]}
            kept = [name for index, name in enumerate(ids) if index not in refused]
            say({"acknowledged": kept, "rejected": list(refused.values())})


def say(content: dict[str, Any]) -> None:
    """One line to the demo."""
    sys.stdout.write(json.dumps(content) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Does what the demo says until it ends or hangs up."""
    app: AppProcess | None = None
    for line in sys.stdin:
        order = json.loads(line)
        if order["do"] == "start":
            app = AppProcess()
            app.start(order["token"], order["session_id"])
        elif order["do"] == "emit" and app is not None:
            app.emit(order["events"])
        else:
            break
    if app is not None:
        app.quit()


if __name__ == "__main__":
    main()
