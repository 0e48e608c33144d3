"""Makes the exporters that TELEMETRY_EXPORTER names, importing only those."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import msgspec

from sidespool.core.endpoint import NETWORK_EXPORTERS, Endpoint, check_endpoint
from sidespool.errors import ConfigError
from sidespool.runtime.collector_token import CollectorToken
from sidespool.runtime.upload_ports import Exporter

SETTING = "TELEMETRY_EXPORTER"
EXPORT_FILE = "export.ndjson"


class ExportSettings(msgspec.Struct, frozen=True):
    """What the exporters need to know of the configuration."""

    names: tuple[str, ...]
    endpoint: str | None
    data_dir: Path
    token: CollectorToken
    allow_insecure: bool = False
    proxy: str | None = None
    ca_file: Path | None = None


def open_exporter(settings: ExportSettings) -> Exporter:
    """One exporter, or a tee of several. Raises ConfigError naming the setting."""
    check_names(settings.names)
    made = [_MAKERS[name](settings) for name in dict.fromkeys(settings.names)]
    if len(made) == 1:
        return made[0]
    from sidespool.runtime.exporters.tee import TeeExporter

    return TeeExporter(made)


def check_names(names: tuple[str, ...]) -> None:
    """Raises ConfigError where a name is none of those that can be made here."""
    unknown = [name for name in names if name not in _MAKERS]
    if unknown or not names:
        named = unknown[0] if unknown else "nothing"
        raise ConfigError(
            SETTING, f"names {named!r}", hint=f"Choose from {', '.join(sorted(_MAKERS))}"
        )


def needs_endpoint(names: tuple[str, ...]) -> bool:
    """Whether an unset endpoint means that nothing is sent (local only)."""
    return not NETWORK_EXPORTERS.isdisjoint(names)


def without_endpoint(names: tuple[str, ...]) -> tuple[str, ...]:
    """The exporters that remain where no endpoint is set; `none` where none do."""
    return tuple(name for name in names if name not in NETWORK_EXPORTERS) or ("none",)


def http_endpoint(settings: ExportSettings) -> Endpoint:
    """The address to send to. Raises ConfigError where it cannot be used."""
    checked = check_endpoint(settings.endpoint or "", settings.allow_insecure)
    if isinstance(checked, ConfigError):
        raise checked
    return checked


def _http(settings: ExportSettings) -> Exporter:
    from sidespool.runtime.exporters.http import HttpExporter

    return HttpExporter(
        http_endpoint(settings), settings.token, proxy=settings.proxy, ca_file=settings.ca_file
    )


def _otlp(settings: ExportSettings) -> Exporter:
    from sidespool.runtime.exporters.otlp import OtlpExporter

    return OtlpExporter(
        http_endpoint(settings), settings.token, proxy=settings.proxy, ca_file=settings.ca_file
    )


def _posthog(settings: ExportSettings) -> Exporter:
    from sidespool.runtime.exporters.posthog import PosthogExporter

    return PosthogExporter(
        http_endpoint(settings), settings.token, proxy=settings.proxy, ca_file=settings.ca_file
    )


def _file(settings: ExportSettings) -> Exporter:
    from sidespool.runtime.exporters.file import FileExporter

    return FileExporter(_export_path(settings))


def _export_path(settings: ExportSettings) -> Path:
    parts = urlsplit(settings.endpoint or "")
    if parts.scheme != "file":
        return settings.data_dir / EXPORT_FILE
    from urllib.request import url2pathname  # brings http.client: only where it is needed

    path = Path(url2pathname(parts.path))
    if parts.netloc not in ("", "localhost") or not path.is_absolute() or path.name == "":
        raise ConfigError("TELEMETRY_ENDPOINT", "is not a file:///path to a file")
    return path


def _stdout(settings: ExportSettings) -> Exporter:
    from sidespool.runtime.exporters.stdout import StdoutExporter

    return StdoutExporter()


def _none(settings: ExportSettings) -> Exporter:
    from sidespool.runtime.exporters.none import NoneExporter

    return NoneExporter()


_MAKERS: dict[str, Callable[[ExportSettings], Exporter]] = {
    "http": _http,
    "otlp": _otlp,
    "posthog": _posthog,
    "file": _file,
    "stdout": _stdout,
    "none": _none,
}
