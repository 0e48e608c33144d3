"""Laws that hold for every string: total, idempotent, closed, line by line."""

import re

from hypothesis import given, settings
from hypothesis import strategies as st

from core.scrub.corpora import adversary
from sidespool.core.scrub import Scrubber, ScrubContext
from sidespool.core.scrub.placeholder import NAMES

CONTEXT = ScrubContext(
    username="marlowe",
    hostname="quillonbox",
    home="/home/marlowe",
    project_roots=("/home/marlowe/work/zephyr", "C:\\work\\zephyr"),
)
SCRUBBER = Scrubber(CONTEXT)
FRESH = Scrubber(CONTEXT)

# Pieces rules begin with, so that random texts run into them.
PIECES = st.sampled_from(
    [
        *"/\\\"'{}()[]<>:;,.=@%&?#$~ \n\t-_|`",
        *[f"{{{name}}}" for name in NAMES],
        *adversary.UNITS.values(),
        "marlowe",
        "quillonbox",
        "/home/marlowe/",
        "C:\\Users\\",
        "\\\\",
        "\\n",
        "%2F",
        "%25",
        "%20",
        "password",
        "token: ",
        "Authorization: Bearer ",
        "https://a.b/",
        "file:///",
        "node_modules",
        ":12:34",
        "10.1.2.3",
        "fe80::1",
        "\u202f",
        "\ud800",
        "\ufdd0",
        "\ufdef",
        "\x00",
        "é",
        "李",
    ]
)
MIXED = st.lists(st.one_of(PIECES, st.text(max_size=6)), max_size=24).map("".join)

segment = st.text(
    st.characters(blacklist_characters="/\\\n\r\"'<>|:*?`", blacklist_categories=("Cs", "Cc")),
    min_size=1,
    max_size=12,
)
USER = st.from_regex(r"zq[a-z]{5}", fullmatch=True)


@st.composite
def path_with_user(draw: st.DrawFn) -> tuple[str, str]:
    user = draw(USER)
    folders = draw(st.lists(segment.map(str.strip).filter(bool), max_size=3))
    separator, home = draw(st.sampled_from([("/", "/home"), ("/", "/Users"), ("\\", "C:\\Users")]))
    return separator.join([home, user, *folders, "main.py"]), user


@given(st.one_of(st.text(), MIXED))
@settings(max_examples=400, deadline=None)
def test_any_string_gives_a_string_that_stays_as_it_is(text: str) -> None:
    once = SCRUBBER.text(text)
    FRESH.forget()
    assert FRESH.text(once) == once


@given(st.one_of(st.text(), MIXED))
@settings(max_examples=300, deadline=None)
def test_a_template_stays_as_it_is(text: str) -> None:
    once = SCRUBBER.template(text)
    FRESH.forget()
    assert FRESH.template(once) == once


@given(MIXED)
@settings(max_examples=200, deadline=None)
def test_other_operations_are_total_and_idempotent(text: str) -> None:
    for operation in (SCRUBBER.url, SCRUBBER.path, SCRUBBER.secrets):
        once = operation(text)
        assert operation(once) == once


@given(MIXED)
@settings(max_examples=200, deadline=None)
def test_every_placeholder_that_appears_is_on_the_list(text: str) -> None:
    written = set(re.findall(r"\{[A-Z][A-Z_]+\}", SCRUBBER.template(text)))
    own = set(re.findall(r"\{[A-Z][A-Z_]+\}", text))
    assert written - own <= {f"{{{name}}}" for name in NAMES}


@given(MIXED)
@settings(max_examples=200, deadline=None)
def test_what_the_gate_calls_clean_comes_back_as_the_same_object(text: str) -> None:
    if SCRUBBER.clean(text):
        assert SCRUBBER.text(text) is text


@given(
    path_with_user(), st.sampled_from(["open '{p}'", '"{p}"', "({p}:3:4)", "    at f ({p}:3:4)"])
)
@settings(max_examples=300, deadline=None)
def test_no_account_name_survives_in_a_delimited_path(
    planted: tuple[str, str], carrier: str
) -> None:
    path, user = planted
    assert user not in SCRUBBER.text(carrier.format(p=path))


@given(st.lists(path_with_user(), min_size=1, max_size=12))
@settings(max_examples=100, deadline=None)
def test_a_stack_keeps_its_number_of_lines(frames: list[tuple[str, str]]) -> None:
    stack = "Error: boom\n" + "\n".join(f"    at f ({path}:1:2)" for path, _ in frames)
    assert SCRUBBER.text(stack).count("\n") == stack.count("\n")


def test_hostile_texts_of_every_kind_are_survived_and_settle() -> None:
    for name in adversary.UNITS:
        text = adversary.text(name, 6000)
        before = SCRUBBER.failures
        once = SCRUBBER.text(text)
        assert SCRUBBER.failures == before, name
        assert SCRUBBER.text(once) == once, name
