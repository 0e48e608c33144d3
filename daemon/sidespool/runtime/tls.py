"""Makes the TLS context for the way to the collector: 1.2 or newer, certificates verified."""

import ssl
from pathlib import Path

from sidespool.errors import ConfigError

SETTING = "TELEMETRY_CA_FILE"


def open_tls(ca_file: Path | None) -> ssl.SSLContext:
    """The system's authorities, and those in `ca_file` (PEM) beside them. Blocks on disk.

    Raises ConfigError where the file cannot be used.
    """
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if ca_file is not None:
        _load(context, ca_file)
    return context


def check_ca_file(ca_file: Path) -> None:
    """Raises ConfigError where the file cannot be used; does not load the system's authorities."""
    _load(ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT), ca_file)


def _load(context: ssl.SSLContext, ca_file: Path) -> None:
    try:
        context.load_verify_locations(cafile=ca_file)
    except ssl.SSLError as error:
        raise _unusable(ca_file, "holds no certificates in PEM form") from error
    except OSError as error:
        raise _unusable(ca_file, f"cannot be read, {error.strerror}") from error


def _unusable(ca_file: Path, problem: str) -> ConfigError:
    return ConfigError(SETTING, f"{ca_file} {problem}", hint="Name a PEM file, or unset it")
