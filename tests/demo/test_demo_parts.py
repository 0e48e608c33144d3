"""The demo's parts: inventions that repeat by seed, books that cannot be talked round."""

import gzip
import io
import json
import random
from pathlib import Path

import pytest
from rich.console import Console

from sidespool.cli.demo import document, plain_lines
from sidespool.core.record import is_whole
from sidespool.demo.ledger import Ledger, compare, search_files
from sidespool.demo.past import DAY_MS, DAYS, batches_of, invent_installs, version_on
from sidespool.demo.person import invent_person, invent_secrets
from sidespool.demo.play import Figures
from sidespool.demo.rich_figures import show_figures
from sidespool.demo.rich_stage import RichStage
from sidespool.demo.stage import PlainStage
from sidespool.demo.trouble import TROUBLES, invent_error
from sidespool.demo.work import Worker
from sidespool.wire.builtin import builtin_catalog
from sidespool.wire.event import format_time
from sidespool.wire.validate import Validator

BEGIN_MS = 1_700_006_400_000 // DAY_MS * DAY_MS


def figures(stored: list[str] | None = None) -> Figures:
    ledger = Ledger(emitted=3, acknowledged={"a", "b"}, past={"p"})
    found = compare(ledger, ["a", "b", "p", "own"] if stored is None else stored)
    search = search_files([], ["canary"])
    return Figures(3, 2, 3, {"consent_off": 1}, 1, 0, found, search, "http://127.0.0.1:1")


def test_the_past_repeats_by_its_seed() -> None:
    def past(seed: int) -> list[bytes]:
        dice = random.Random(seed)
        (install,) = invent_installs(dice, 1)
        return [gzip.decompress(batch.body) for batch in batches_of(install, dice, BEGIN_MS)]

    assert past(1) == past(1)
    assert past(1) != past(2)


def test_every_event_of_the_past_is_one_a_collector_takes() -> None:
    dice = random.Random(5)
    decode = Validator(builtin_catalog()).stored_decoder().decode
    for install in invent_installs(dice, 4):
        for batch in batches_of(install, dice, BEGIN_MS):
            lines = gzip.decompress(batch.body).splitlines()
            assert is_whole(batch.body)
            assert batch.refused == 0
            assert [json.loads(line)["event_id"] for line in lines] == batch.event_ids
            for line in lines:
                decode(line)


def test_no_canary_survives_the_daemons_own_code() -> None:
    dice = random.Random(11)
    for install in invent_installs(dice, 6):
        text = b"".join(
            gzip.decompress(batch.body) for batch in batches_of(install, dice, BEGIN_MS)
        ).lower()
        assert [c for c in install.secrets.values() if c.lower().encode() in text] == []


def test_the_past_lies_in_the_past() -> None:
    dice = random.Random(3)
    (install,) = invent_installs(dice, 1)
    times = [
        json.loads(line)["timestamp"]
        for batch in batches_of(install, dice, BEGIN_MS)
        for line in gzip.decompress(batch.body).splitlines()
    ]
    last = format_time(BEGIN_MS + (DAYS + 1) * DAY_MS)
    assert format_time(BEGIN_MS) <= min(times) <= max(times) <= last


def test_updates_only_go_forward() -> None:
    seen = [version_on(day, 2) for day in range(DAYS)]
    assert seen == sorted(seen)
    assert len(set(seen)) > 2


@pytest.mark.parametrize("system", ["macos", "windows", "linux"])
def test_every_kind_of_trouble_carries_a_secret_or_a_path(system: str) -> None:
    dice = random.Random(1)
    person = invent_person(dice, "u", system)
    secrets = invent_secrets(dice, person)
    seen = set()
    for _ in range(400):
        _, payload = invent_error(dice, person, secrets, "2.5.0")
        text = " ".join(str(value) for value in payload.values())
        assert person.account in text or any(value in text for value in secrets.values())
        seen.add(payload["error_type"])
    assert seen == {one.error_type for one in TROUBLES}


def test_a_session_is_in_order_and_begins_and_ends_as_one_does() -> None:
    dice = random.Random(2)
    person = invent_person(dice, "u")
    worker = Worker(dice, person, invent_secrets(dice, person), "2.6.0")
    session = worker.session(BEGIN_MS, turns=12)
    assert [one.at_ms for one in session] == sorted(one.at_ms for one in session)
    assert session[0].event_type == "SessionStart"
    assert session[-1].event_type == "SessionEnd"


# -- the books -------------------------------------------------------------------------------------


def test_what_is_acknowledged_and_not_stored_is_lost() -> None:
    found = compare(Ledger(acknowledged={"a", "b"}, past={"p"}), ["a"])
    assert (found.lost, found.stored, found.stored_past) == (["b", "p"], 1, 0)


def test_what_is_stored_twice_is_doubled() -> None:
    assert compare(Ledger(acknowledged={"a"}), ["a", "a"]).doubled == ["a"]


def test_what_nobody_emitted_is_the_daemons_own() -> None:
    found = compare(Ledger(acknowledged={"a"}), ["a", "report"])
    assert (found.made_by_daemon, found.lost, found.doubled) == (1, [], [])


def test_a_canary_is_found_in_any_case_and_inside_gzip(tmp_path: Path) -> None:
    (tmp_path / "plain.db").write_bytes(b"\0\1 SeCret-One \2")
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "batch.gz").write_bytes(gzip.compress(b"secret-two"))
    (tmp_path / "broken.gz").write_bytes(b"\x1f\x8b\x08\x04 secret-three")
    torn = gzip.compress(b"secret-four" * 9)[:-6]
    (tmp_path / "torn").write_bytes(torn)
    wanted = ["secret-one", "secret-two", "secret-three", "secret-four", "secret-five"]
    found = search_files([tmp_path], wanted)
    assert {text.split()[0] for text in found.found} == set(wanted[:-1])
    assert (found.canaries, found.files) == (5, 4)


def test_figures_are_well_only_when_nothing_is_lost_or_doubled() -> None:
    assert figures().well
    assert not figures(stored=["a", "p"]).well
    assert not figures(stored=["a", "a", "b", "p"]).well
    assert document(figures(stored=["a", "p"]))["lost"] == 1


# -- what is shown ---------------------------------------------------------------------------------


def test_plain_lines_tell_every_figure() -> None:
    text = "\n".join(plain_lines(figures()))
    for word in ("emitted", "acknowledged", "lost", "duplicated", "secrets found", "simulated"):
        assert word in text


@pytest.mark.parametrize("stored", [["a", "b", "p"], ["a"]])
def test_the_table_says_at_once_whether_all_is_well(stored: list[str]) -> None:
    console = Console(record=True, width=100, file=io.StringIO())
    show_figures(figures(stored=stored), console)
    words = "nothing lost" if len(stored) == 3 else "something is wrong"
    assert words in console.export_text()


def test_the_plain_stage_is_a_log_of_scenes() -> None:
    out = io.StringIO()
    stage = PlainStage(out)
    stage.open()
    stage.begin("Morning")
    stage.say("main", "an event")
    stage.end("12 events")
    assert "Morning: 12 events\n" in out.getvalue()
    assert "an event" not in out.getvalue()


@pytest.mark.parametrize("width", [60, 100])
def test_the_live_picture_shows_scene_counters_and_what_happens(width: int) -> None:
    console = Console(record=True, width=width, file=io.StringIO(), force_terminal=True)
    stage = RichStage(console)
    stage.begin("Morning")
    stage.count(emitted=1234, lost=0)
    stage.say("renderer", "ChatTurn [bold]not markup[/]")
    console.print(stage._picture())
    shown = console.export_text()
    assert all(word in shown for word in ("Morning", "1,234", "renderer", "[bold]not"))
    stage.end("12 events")
    console.print(stage._picture())
    assert "✓" in console.export_text()
