"""The few flags of `sidespool run`, parsed without a library: the daemon starts in milliseconds."""

from pathlib import Path

USAGE = """Usage: sidespool run [--stdio] [--exit-with-stdin] [--port N] [--verbose] [--json]

Starts the sidecar daemon; settings come from TELEMETRY_* in the environment.

  --stdio             take frames on standard input, answer on standard output
  --exit-with-stdin   end when standard input ends
  --port N            listen on this port of 127.0.0.1 (default: any free one)
  --verbose           log to standard error, too
  --json              no difference: the ready line is JSON
  --policy-file PATH  (tests) read the administrator's policy from here
"""
PORT_MAX = 65_535


class Flags:
    """What the command line says."""

    def __init__(self, argv: list[str]) -> None:
        self.stdio = self.exit_with_stdin = self.verbose = self.help = False
        self.port = 0
        self.policy: Path | None = None
        self.problem = ""
        rest = iter(argv)
        for word in rest:
            name, equals, value = word.partition("=")
            if name in ("--port", "--policy-file"):
                self._take(name, value if equals else next(rest, ""))
            elif name in ("--stdio", "--exit-with-stdin", "--verbose") and not equals:
                setattr(self, name[2:].replace("-", "_"), True)
            elif name in ("--help", "-h"):
                self.help = True
            elif word == "--json":
                pass  # as every verb takes it; the ready line is JSON in any case
            else:
                self.problem = f"unknown option {word}"

    def _take(self, name: str, value: str) -> None:
        if name == "--policy-file" and value:
            self.policy = Path(value)
        elif name == "--port" and value.isascii() and value.isdigit() and int(value) <= PORT_MAX:
            self.port = int(value)
        else:
            self.problem = f"{name} needs a value" if not value else f"{name} cannot be {value}"
