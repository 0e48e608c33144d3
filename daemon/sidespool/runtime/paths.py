"""Every path the daemon uses; the only place that joins one."""

from pathlib import Path

from sidespool.config import Config
from sidespool.errors import ConfigError

DAMAGED_SUFFIX = ".damaged"  # a small file that could not be read is set aside under this name


class DataPaths:
    """The layout of one data directory. Creating the object touches nothing."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.runtime_file = root / "runtime.json"
        self.lock_file = root / "daemon.lock"
        self.install_file = root / "install.json"
        self.consent_file = root / "consent.json"
        self.state_file = root / "state.json"
        self.tally_file = root / "tally.json"
        self.withdrawal_file = root / "withdrawal.json"
        self.reset_file = root / "reset.json"
        self.forget_file = root / "forget.json"
        self.key_file = root / "spool.key"
        self.rollup_file = root / "rollup.json"
        self.reports_file = root / "reports.json"
        self.session_file = root / "session.json"
        self.spool = root / "spool"
        self.history = root / "history"
        self.attachments = root / "attachments"
        self.deletion = root / "deletion"
        self.logs = root / "logs"
        self.run = root / "run"
        self.socket = self.run / "d.sock"

    def directories(self) -> tuple[Path, ...]:
        """All that must exist, parents first."""
        return (self.root, self.spool, self.history, self.attachments, self.deletion, self.logs)


def default_data_dir(app_id: str) -> Path:
    """Where the operating system keeps an application's own data, per app id."""
    import platformdirs

    return Path(platformdirs.user_data_dir(app_id, appauthor=False)) / "sidespool"


def data_paths(config: Config) -> DataPaths:
    """The data directory of a configuration: TELEMETRY_DATA_DIR, else the platform's."""
    if config.data_dir:
        try:
            return DataPaths(Path(config.data_dir).expanduser().absolute())
        except (RuntimeError, OSError) as error:
            raise ConfigError("TELEMETRY_DATA_DIR", str(error)) from error
    return DataPaths(default_data_dir(config.app_id))


def policy_file() -> Path:
    """The administrator's policy file on this system."""
    import os
    import sys

    if sys.platform == "win32":
        base = Path(os.environ.get("PROGRAMDATA", r"C:\ProgramData"))
        return base / "sidespool" / "policy.json"
    if sys.platform == "darwin":
        return Path("/Library/Application Support/sidespool/policy.json")
    return Path("/etc/sidespool/policy.json")
