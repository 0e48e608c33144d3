"""The looks of the gate: split for stacks, whole for short texts, one meaning."""

from hypothesis import given, settings
from hypothesis import strategies as st

from core.scrub.corpora import blind_cases, person_cases, secret_cases
from sidespool.core.scrub import Scrubber, ScrubContext
from sidespool.core.scrub.gate import Gate

_GATE = Gate([r"(?i)marlowe"])
_PIECES = st.sampled_from(
    ["/home/marlowe/a.ts", "password=", "x7Qz9", "\n", " ", "@b.cc", "10.2.3.4", "at f (", ":3:4)"]
)


@settings(max_examples=100)
@given(st.lists(st.one_of(_PIECES, st.text(max_size=12)), max_size=12).map("".join))
def test_the_parts_together_say_what_the_whole_says(text: str) -> None:
    assert _GATE.apart(text) == _GATE.fired(text)


def test_the_parts_say_what_the_whole_says_on_the_corpora() -> None:
    for corpus in (blind_cases, person_cases, secret_cases):
        for case in corpus.cases()[::4]:
            short = case.text[:512]
            assert _GATE.apart(short) == _GATE.fired(short), short


def test_a_finding_in_any_line_of_a_long_text_goes() -> None:
    """Long texts of several lines are not looked at whole: each line must be."""
    scrubber = Scrubber(ScrubContext(username="marlowe"))
    plain = [f"the worker {number} took longer than planned" for number in range(40)]
    for place in (0, 17, 40):
        lines = [*plain[:place], "by marlowe at 10.2.3.4", *plain[place:]]
        wanted = [*plain[:place], "by {USER} at {IP}", *plain[place:]]
        assert scrubber.text("\n".join(lines)) == "\n".join(wanted)
    whole = "\n".join(plain)
    assert scrubber.text(whole) is whole
