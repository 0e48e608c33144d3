"""The collector's settings: `COLLECTOR_*` variables, or the same names as arguments.

Every value is checked before anything is opened; a bad one becomes a ConfigError that names the
variable, so that `serve` can end with one clear line.
"""

import ipaddress
import os
import re
from pathlib import Path
from typing import Annotated, Any, Literal

import platformdirs
from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from sidespool.errors import ConfigError

MIB = 1024 * 1024
SECONDS_OF_UNIT = {"s": 1, "m": 60, "h": 3600, "d": 86400}
STORES = ("sqlite", "postgresql", "clickhouse")

Network = ipaddress.IPv4Network | ipaddress.IPv6Network


class Settings(BaseSettings):
    """What an operator may change. Sizes in bytes, times in seconds unless the name says days."""

    model_config = SettingsConfigDict(
        env_prefix="COLLECTOR_", extra="ignore", frozen=True, env_ignore_empty=True
    )  # fmt: skip

    store: str = ""
    listen: str = "127.0.0.1:8787"
    tokens_file: Path | None = None
    catalog: Path | None = None
    attachments_dir: Path | None = None
    attachments_url: str = ""
    retention_days: int = Field(90, ge=1, le=3650)
    rate_per_install: str = ""
    rate_per_ip: str = ""
    trusted_proxies: Annotated[tuple[Network, ...], NoDecode] = ()
    tls_cert: Path | None = None
    tls_key: Path | None = None
    public_url: str = ""
    open_dashboard: bool = False
    forward_otlp: str = ""
    forward_token: str = Field("", repr=False)
    oidc_issuer: str = ""
    oidc_client_id: str = ""
    oidc_client_secret: str = Field("", repr=False)
    oidc_readers: Annotated[tuple[str, ...], NoDecode] = ()
    oidc_admins: Annotated[tuple[str, ...], NoDecode] = ()
    alerts_file: Path | None = None
    sql: Literal["read", "admin", "off"] = "read"
    sql_store: str = ""
    min_group: int = Field(1, ge=1, le=50)
    keep_rejected: bool = False
    max_body_bytes: int = Field(8 * MIB, ge=1024)
    max_unpacked_bytes: int = Field(64 * MIB, ge=1024)
    max_ratio: int = Field(250, ge=2)
    max_lines: int = Field(20_000, ge=1)
    max_line_bytes: int = Field(MIB + 64 * 1024, ge=1024)
    max_attachment_bytes: int = Field(25 * MIB, ge=1024)
    max_inflight_bytes: int = Field(96 * MIB, ge=MIB)
    header_timeout_s: float = Field(20.0, gt=0)
    body_timeout_s: float = Field(30.0, gt=0)
    purge_interval_s: float = Field(3600.0, gt=0)

    @field_validator("store")
    @classmethod
    def _known_store(cls, value: str) -> str:
        if value and value.partition("://")[0] not in STORES:
            raise ValueError("must begin with " + ", ".join(f"{name}://" for name in STORES))
        return value

    @field_validator("attachments_url")
    @classmethod
    def _bucket(cls, value: str) -> str:
        if value and not re.fullmatch(r"s3://[^/?#]+(/[^?#]*)?", value):
            raise ValueError("must be s3://bucket or s3://bucket/prefix")
        return value

    @field_validator("listen")
    @classmethod
    def _host_and_port(cls, value: str) -> str:
        _, colon, port = value.rpartition(":")
        if not colon or not port.isdecimal() or int(port) > 65535:
            raise ValueError("must be host:port, such as 127.0.0.1:8787 or [::]:8787")
        return value

    @field_validator("rate_per_install", "rate_per_ip", mode="before")
    @classmethod
    def _rate(cls, value: Any) -> str:
        text = str(value).strip()
        if text:
            parse_rate(text)
        return text

    @field_validator("trusted_proxies", mode="before")
    @classmethod
    def _networks(cls, value: Any) -> Any:
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(ipaddress.ip_network(str(part).strip()) for part in parts if str(part).strip())

    @field_validator("forward_otlp")
    @classmethod
    def _logs_url(cls, value: str) -> str:
        if value and not re.match(r"https?://[^/]+/.+", value):
            raise ValueError("must be the whole URL, such as https://otel.example.org/v1/logs")
        return value

    @field_validator("oidc_readers", "oidc_admins", mode="before")
    @classmethod
    def _names(cls, value: Any) -> Any:
        parts = value.split(",") if isinstance(value, str) else value
        return tuple(part.strip() for part in parts if part.strip())

    @field_validator("oidc_issuer")
    @classmethod
    def _issuer(cls, value: str) -> str:
        if value and not re.match(r"https://|http://(localhost|127\.0\.0\.1|\[::1\])[:/]", value):
            raise ValueError("must be an https:// URL")
        return value

    @model_validator(mode="after")
    def _tls_pair(self) -> "Settings":
        if bool(self.tls_cert) != bool(self.tls_key):
            raise ValueError("COLLECTOR_TLS_CERT goes together with COLLECTOR_TLS_KEY: set both")
        if self.oidc_issuer and not (self.oidc_client_id and self.oidc_readers + self.oidc_admins):
            raise ValueError(
                "COLLECTOR_OIDC_ISSUER needs COLLECTOR_OIDC_CLIENT_ID, and COLLECTOR_OIDC_READERS "
                "or COLLECTOR_OIDC_ADMINS: nobody could sign in"
            )
        return self

    @property
    def forward_path(self) -> Path:
        """Where events wait that are to be forwarded."""
        return self.attachments_path.parent / "forward"

    @property
    def host(self) -> str:
        """The address to listen on, without brackets."""
        return self.listen.rpartition(":")[0].strip("[]") or "0.0.0.0"  # noqa: S104  # asked for

    @property
    def port(self) -> int:
        """The port to listen on; 0 takes a free one."""
        return int(self.listen.rpartition(":")[2])

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can reach the collector."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    @property
    def store_url(self) -> str:
        """The store's URL, with the default filled in."""
        return self.store or f"sqlite:///{data_dir() / 'collector.db'}"

    @property
    def tokens_path(self) -> Path:
        """The tokens file: beside an embedded store unless set."""
        if self.tokens_file is not None:
            return self.tokens_file
        return self.state_dir / "tokens.json"

    @property
    def attachments_path(self) -> Path:
        """Where attachments lie."""
        return self.attachments_dir or self.state_dir / "attachments"

    @property
    def state_dir(self) -> Path:
        """The directory of everything the collector writes that is not in a database server."""
        if self.store_url.startswith("sqlite:///"):
            return sqlite_path(self.store_url).parent
        return data_dir()


def data_dir() -> Path:
    """The default directory of a collector without configuration."""
    return Path(platformdirs.user_data_dir("sidespool-collector", appauthor=False))


def sqlite_path(url: str) -> Path:
    """`sqlite:///data/c.db` and `sqlite:////data/c.db` as SQLAlchemy reads them."""
    rest = url.removeprefix("sqlite:///")
    if not rest or url == rest:
        raise ConfigError("COLLECTOR_STORE", "names no file", hint="Use sqlite:///path/to/file.db")
    return Path(rest).expanduser()


def parse_rate(text: str) -> tuple[float, float]:
    """`600` (a minute), `10/s`, `1000/h`, `5000/d` → (a second, burst); `0` or `off`: no limit."""
    if text in ("0", "off"):
        return 0.0, 0.0
    match = re.fullmatch(r"(\d{1,12}(?:\.\d{1,6})?)(?:/([smhd]))?", text)
    if match is None:
        raise ValueError(
            "must be a number a minute, or like 10/s, 600/m, 5000/h, or 0 for no limit"
        )
    return float(match[1]) / SECONDS_OF_UNIT[match[2] or "m"], float(match[1])


def load_settings(**given: Any) -> Settings:
    """Settings from the environment and arguments; raises ConfigError naming the bad variable."""
    try:
        return Settings(**{name: value for name, value in given.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        problem = str(first["msg"]).removeprefix("Value error, ")
        if first["loc"]:
            name = f"COLLECTOR_{first['loc'][0]}".upper()
        else:  # about several: the message begins with one of them
            name, _, problem = problem.partition(" ")
        raise ConfigError(name, problem[:1].lower() + problem[1:]) from None


def unknown_variables() -> list[str]:
    """`COLLECTOR_*` variables that mean nothing here, most likely misspelt."""
    known = {f"COLLECTOR_{name}".upper() for name in Settings.model_fields}
    return sorted(n for n in os.environ if n.startswith("COLLECTOR_") and n not in known)
