"""Texts that hold nothing private and must come out as they went in, byte for byte."""

from core.scrub.corpora.case import Case, texts

_CARRIERS = ("{t}", "[error] {t}", '"{t}"', "{t}\n{t}", "    {t}")


def cases() -> list[Case]:
    found = []
    for number, text in enumerate(texts("ordinary.txt")):
        for form in (0, number % 4 + 1):
            made = _CARRIERS[form].format(t=text)
            found.append(Case(f"ordinary-{number}-{form}", made, (), (made,)))
    return found
