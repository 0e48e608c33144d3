"""The settings as a pydantic-settings model, for whoever has 100 ms: messages, `doctor`, docs.

Each field is checked by the very parser that the start path uses (`config.PARSERS`), so the two
readers cannot disagree on a value; a property test holds them to it.
"""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, create_model
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from sidespool.config import PARSERS, Config
from sidespool.errors import ConfigError


class _Base(BaseSettings):
    """Reads the process environment, case-sensitively; an empty variable counts as not set."""

    model_config = SettingsConfigDict(
        case_sensitive=True, env_ignore_empty=True, extra="ignore", validate_default=False
    )


def _checked(parse: Callable[[str], Any], default: Any) -> BeforeValidator:
    def check(value: Any) -> Any:
        if isinstance(value, str):
            return parse(value) if value.strip() else default  # blank is not set
        return value

    return BeforeValidator(check)


_DEFAULTS = Config()
_FIELDS: dict[str, Any] = {
    field: (
        Annotated[Any, NoDecode, _checked(parse, getattr(_DEFAULTS, field)), Field(alias=name)],
        getattr(_DEFAULTS, field),
    )
    for name, (field, parse) in PARSERS.items()
}
SettingsModel: type[BaseSettings] = create_model("SettingsModel", __base__=_Base, **_FIELDS)


def load_settings() -> Config:
    """The settings of this process's environment; raises ConfigError naming the first bad one."""
    try:
        model = SettingsModel()
    except ValidationError as error:
        raise _config_error(error) from error
    return Config(**{field: getattr(model, field) for field, _ in PARSERS.values()})


def explain_config(environ: Mapping[str, str]) -> ConfigError:
    """The error for the first setting of `environ` that the model refuses."""
    present = {name: environ[name] for name in PARSERS if environ.get(name, "").strip()}
    try:
        SettingsModel.model_validate(present)
    except ValidationError as error:
        return _config_error(error)
    return ConfigError("TELEMETRY_*", "cannot be read")


def _config_error(error: ValidationError) -> ConfigError:
    """The value itself is not repeated: it may be a secret in the wrong variable."""
    first = error.errors(include_url=False, include_input=False)[0]
    name = str(first["loc"][0])
    return ConfigError(name, first["msg"].removeprefix("Value error, "))
