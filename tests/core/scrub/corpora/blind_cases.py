"""Cases written from the policy alone, by someone who had not seen the rules, then kept.

Each was scored once before any rule was touched for it; ``docs/scrub.md`` has
those first figures. Secrets stand as slots («16A») and are made at run time.
"""

import random

from core.scrub.corpora.case import Case, rows, texts, written
from core.scrub.corpora.secret_cases import forms


def cases() -> list[Case]:
    found = written("blind_path.jsonl") + written("blind_person.jsonl")
    found += forms(random.Random(409), "blind_secret.jsonl")
    found += [
        Case(f"blind-ordinary-{number}", text, (), (text,))
        for number, text in enumerate(texts("blind_ordinary.txt"), 1)
    ]
    return found


def pairs() -> list[tuple[str, str, bool]]:
    return [(a, b, same) for a, b, same in rows("blind_pairs.jsonl")]
