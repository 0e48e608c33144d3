"""The fast reader of the environment and the pydantic-settings model, held to each other."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidespool.config import PARSERS, Config, read_config, unknown_names
from sidespool.config.model import SettingsModel, explain_config
from sidespool.errors import ConfigError
from sidespool.wire.level import Level
from support.daemon import clean_environment

SETTINGS_DOC = Path(__file__).resolve().parents[2] / "docs" / "settings.md"
VALUES = st.sampled_from(
    [
        "", " ", "0", "1", "true", "OFF", "yes", "no", "perhaps", "usage", "Full", "crash",
        "everything", "opt_in", "OPT_OUT", "http", "http,file", "file, none ,", "pigeon", "5",
        "65536", "-1", "1e3", "nan", "inf", "1_0", "0.5", "300", "301", "machine", "random",
        "event", "email:a@b.example", "email:", "a" * 65, "a b", "../x", "~/x", "keychain",
        "summary", "events", "file", "https://c.example", "app://,file://", ",,", "٣", "[1]",
        "{}", '"x"', "null",
    ]
)  # fmt: skip
ENVIRONMENTS = st.dictionaries(
    st.sampled_from(sorted(PARSERS)),
    VALUES | st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])),
    max_size=5,
)


def by_model(environ: dict[str, str]) -> Config | ConfigError:
    """What the pydantic-settings model makes of an environment."""
    present = {name: text for name, text in environ.items() if text.strip()}
    try:
        model = SettingsModel.model_validate(present)
    except ValueError:
        return explain_config(environ)
    return Config(**{field: getattr(model, field) for field, _ in PARSERS.values()})


@given(ENVIRONMENTS)
def test_both_readers_agree_on_every_environment(environ: dict[str, str]) -> None:
    expected = by_model(environ)
    if isinstance(expected, Config):
        assert read_config(environ) == expected
        return
    with pytest.raises(ConfigError) as refused:
        read_config(environ)
    assert refused.value.setting == expected.setting
    assert str(refused.value) == str(expected)


def test_every_setting_has_its_parser_and_a_field_of_its_own() -> None:
    fields = [field for field, _ in PARSERS.values()]
    assert sorted(fields) == sorted(Config.__struct_fields__)
    assert len(set(fields)) == len(fields)


def test_the_defaults_are_the_contracts() -> None:
    config = read_config({})
    assert config == Config()
    assert (config.enabled, config.level, config.consent_model) == (None, Level.USAGE, "opt_out")
    assert config.exporter == ("http",)
    assert (config.app_id, config.app_version, config.identity) == ("app", "0", "random")
    assert (config.spool_max_bytes, config.spool_max_age_days) == (50 * 1024 * 1024, 14)
    assert (config.flush_interval_s, config.shutdown_grace_s) == (30, 10)
    assert config.origins == ("file://", "app://")
    assert config.deletion == "http"
    assert config.feature
    assert [config.do_not_track, config.local, config.allow_insecure] == [False] * 3


LOADER = """
import json, msgspec
from sidespool.config.model import load_settings
from sidespool.errors import ConfigError
try:
    print(msgspec.json.encode(load_settings()).decode())
except ConfigError as error:
    print(json.dumps({"refused": error.setting}))
"""


@pytest.mark.parametrize(
    "env",
    [
        {},
        {"TELEMETRY_ENABLED": "off", "TELEMETRY_EXPORTER": "http, file", "DO_NOT_TRACK": ""},
        {"TELEMETRY_ORIGINS": "app://,http://localhost:4200", "TELEMETRY_LEVEL": "FULL"},
        {"TELEMETRY_LEVEL": " "},
        {"telemetry_level": "crash"},
        {"TELEMETRY_SPOOL_MAX_BYTES": "lots"},
    ],
)
def test_the_model_reads_a_real_environment_as_the_fast_reader_does(env: dict[str, str]) -> None:
    plain = dict(clean_environment(env))
    for name in [one for one in plain if one.startswith("TELEMETRY_") and one not in env]:
        del plain[name]
    ended = subprocess.run(
        [sys.executable, "-c", LOADER], env=plain, capture_output=True, check=True, timeout=60
    )
    told = json.loads(ended.stdout)
    try:
        expected = json.loads(msgspec.json.encode(read_config(plain)))
    except ConfigError as error:
        expected = {"refused": error.setting}
    assert told == expected


@pytest.mark.parametrize(
    ("text", "forces_off"),
    [("1", True), ("true", True), ("yes", True), ("no", True), ("off", True), ("anything", True),
     ("0", False), ("false", False), ("FALSE", False), ("", False), (" ", False)],
)  # fmt: skip
def test_do_not_track_is_anything_but_empty_0_and_false(text: str, forces_off: bool) -> None:
    assert read_config({"DO_NOT_TRACK": text}).do_not_track is forces_off


@pytest.mark.parametrize("name", sorted(PARSERS))
def test_the_value_of_a_refused_setting_is_not_repeated(name: str) -> None:
    try:
        read_config({name: "hunter2 SECRET ☂" * 20})
        said = ""
    except ConfigError as error:
        said = str(error)
    assert "hunter2" not in said


def test_unknown_names_come_with_the_nearest_known_one() -> None:
    environ = {"TELEMETRY_ENDPIONT": "x", "TELEMETRY_QQQQQQ": "x", "TELEMETRY_LEVEL": "usage",
               "OTHER": "x", "telemetry_level": "x"}  # fmt: skip
    found = dict(unknown_names(environ))
    assert found["TELEMETRY_ENDPIONT"] == "TELEMETRY_ENDPOINT"
    assert set(found) == {"TELEMETRY_ENDPIONT", "TELEMETRY_QQQQQQ"}


def test_every_setting_is_described_in_the_documents() -> None:
    text = SETTINGS_DOC.read_text(encoding="utf-8")
    described = set(re.findall(r"^\| `([A-Z_]+)` \|", text, re.MULTILINE))
    assert described == set(PARSERS)


def test_reading_the_environment_needs_no_pydantic() -> None:
    code = (
        "import sys; from sidespool.config import read_config; read_config({}); print(*sys.modules)"
    )
    ended = subprocess.run(
        [sys.executable, "-I", "-c", code], capture_output=True, check=True, timeout=60,
        env={"PATH": os.environ["PATH"]},
    )  # fmt: skip
    assert "pydantic" not in ended.stdout.decode().split()
