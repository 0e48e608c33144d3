"""Texts that hold nothing private and must come out as they went in, byte for byte."""

from pathlib import Path

from core.scrub.corpora.case import Case

_CARRIERS = ("{t}", "[error] {t}", '"{t}"', "{t}\n{t}", "    {t}")


def texts() -> list[str]:
    lines = Path(__file__).with_name("ordinary.txt").read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line.strip()]


def cases() -> list[Case]:
    found = []
    for number, text in enumerate(texts()):
        for form, carrier in enumerate(_CARRIERS):
            if form and (form != number % 4 + 1):
                continue
            made = carrier.format(t=text) if "{t}" in carrier else carrier
            found.append(Case(f"ordinary-{number}-{form}", made, (), (made,)))
    return found
