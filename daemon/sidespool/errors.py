"""Every exception Sidespool raises, each with what a person needs to act on it.

| exception | raised when | a person can |
|---|---|---|
| ConfigError | a setting has an unusable value | correct the named setting |
| DataDirError | the data directory cannot be used | fix permissions, space, or the path |
| PortTakenError | the fixed port is in use | choose another port |
| CatalogError | a catalog file has mistakes | correct the listed lines |
| FrameError | bytes on a local socket are no frame | (a client's bug) |
| SegmentError | a spool file cannot be read | nothing: it is quarantined |
| DiskError | the disk refused a write | free space; heals by itself |
| SecretStoreError | the OS keychain cannot be used | unlock it, or set the token another way |
| DaemonUnreachableError | no daemon answers | start the app, or the daemon |
| UploadError | a request could not be made at all | see the hint |
"""


class SidespoolError(Exception):
    """Base of all; `hint` says what to do next, where a person can act."""

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint

    def __str__(self) -> str:
        return f"{self.message}. {self.hint}" if self.hint else self.message


class ConfigError(SidespoolError):
    """A setting has an unusable value; `setting` is its environment variable's name."""

    def __init__(self, setting: str, problem: str, *, hint: str = "") -> None:
        super().__init__(f"{setting}: {problem}", hint=hint)
        self.setting = setting


class DataDirError(SidespoolError):
    """The data directory cannot be created, locked or written."""


class PortTakenError(SidespoolError):
    """The port asked for with --port is in use."""


class CatalogError(SidespoolError):
    """A catalog has mistakes; `problems` holds one line for each, with its line number."""

    def __init__(self, source: str, problems: list[str]) -> None:
        first = problems[0] if problems else "unreadable"
        super().__init__(
            f"{source}: {first}",
            hint="Run `sidespool catalog check` for the whole list" if len(problems) > 1 else "",
        )
        self.source = source
        self.problems = problems


class FrameError(SidespoolError):
    """Bytes that are not a frame of the local protocol."""


class SegmentError(SidespoolError):
    """Bytes that are not a segment this version can read."""


class DiskError(SidespoolError):
    """The disk refused a write; the state heals when it accepts one again."""


class SecretStoreError(SidespoolError):
    """The OS keychain is absent, locked or refused."""


class DaemonUnreachableError(SidespoolError):
    """No running daemon answers for this data directory."""


class UploadError(SidespoolError):
    """A request to the collector could not be made at all (bad endpoint, proxy or CA file)."""
