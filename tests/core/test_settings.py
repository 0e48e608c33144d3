"""What the app has set, from the environment, the file and the clients, whoever spoke last."""

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sidespool.core.consent import AppSettings
from sidespool.core.settings import (
    FILE_KEYS,
    LiveSettings,
    Overrides,
    from_file,
    from_set,
    merged,
    valid_set,
)
from sidespool.wire.frame import Settings
from sidespool.wire.level import Level

START = LiveSettings(AppSettings(None, None, Level.USAGE), "https://env.example", "env-user")
ANY = st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.lists(st.none())


def test_without_a_change_the_environment_counts() -> None:
    assert merged(START, {}) == START


def test_known_keys_are_taken_from_the_file_and_no_others() -> None:
    raw = b'{"telemetryEnabled":false,"telemetryLevel":"error","window":{"width":1}}'
    assert from_file(raw) == {"enabled": False, "level": "error"}


@given(st.binary(max_size=50))
def test_any_bytes_are_keys_or_not_readable_yet(raw: bytes) -> None:
    found = from_file(raw)
    assert found is None or set(found) <= set(FILE_KEYS.values())


@given(st.dictionaries(st.sampled_from(sorted(FILE_KEYS.values())), ANY))
def test_a_value_that_is_not_understood_never_opens_anything(overrides: dict[str, Any]) -> None:
    live = merged(START, overrides)
    for name in ("enabled", "full_content"):
        value = overrides.get(name)
        wanted = value if isinstance(value, bool) or value is None else False
        assert getattr(live.app, name) is wanted
    level = overrides.get("level")
    if level is not None and level not in [one.label for one in Level]:
        assert live.app.level is Level.OFF
    assert len(live.user_id) <= 128
    assert " " not in live.user_id


@pytest.mark.parametrize("user_id", ["a b", "x" * 129, "-x", "\n", "a/b", "ü"])
def test_a_user_id_of_another_shape_is_left_out_with_a_warning(user_id: str) -> None:
    live = merged(START, {"user_id": user_id})
    assert live.user_id == "env-user"
    assert bool(live.warnings) is bool(user_id.strip())


def test_of_file_and_client_the_later_word_counts() -> None:
    overrides = Overrides().on_file({"level": "error"}).on_set({"level": "crash"})
    assert overrides.effective == {"level": "crash"}
    assert overrides.on_file({"level": "error"}).effective == {"level": "crash"}
    assert overrides.on_file({"level": "usage"}).effective == {"level": "usage"}
    assert overrides.on_file({}).effective == {}


def test_a_client_that_takes_its_word_back_gives_the_file_its_own() -> None:
    overrides = Overrides().on_file({"enabled": False}).on_set({"enabled": True})
    assert overrides.effective == {"enabled": True}
    assert overrides.on_set({"enabled": None}).effective == {"enabled": False}
    assert Overrides().on_set({"enabled": False}).on_set({"enabled": None}).effective == {}


KEYS = st.sampled_from(["enabled", "level"])
FILES = st.dictionaries(KEYS, st.sampled_from([True, False, "error", "crash"]))
STEPS = st.lists(
    st.tuples(st.just("file"), FILES)
    | st.tuples(st.just("set"), st.dictionaries(KEYS, st.sampled_from([True, "error", None])))
)


@given(STEPS)
def test_each_key_says_what_was_said_last(steps: list[tuple[str, dict[str, Any]]]) -> None:
    """A plain model: for each key the words in the order in which they were said."""
    overrides = Overrides()
    file: dict[str, Any] = {}
    said: dict[str, Any] = {}
    for who, content in steps:
        if who == "file":
            overrides = overrides.on_file(content)
            for key in file.keys() | content.keys():
                if file.get(key, "-") != content.get(key, "-"):
                    said.pop(key, None)
            file = content
        else:
            overrides = overrides.on_set(content)
            for key, value in content.items():
                if value is None:
                    said.pop(key, None)
                else:
                    said[key] = value
        assert overrides.effective == {**file, **said}


def test_a_set_carries_what_was_named_and_null_takes_back() -> None:
    frame = msgspec.json.decode(b'{"enabled":null,"level":"error"}', type=Settings)
    assert from_set(frame) == {"enabled": None, "level": "error"}
    assert valid_set(frame) == ""
    assert valid_set(Settings(level="everything"))
