"""Public scrubbers on this project's own corpora, side by side.

    pip install detect-secrets scrubadub presidio-analyzer sentry-sdk
    python tests/bench/compare_scrubbers.py

Each peer runs as its documentation shows, with every rule it brings; one that is not installed is
left out. Leaked: planted tokens that survive. Damaged: tokens that should survive and do not.
Unchanged: ordinary texts that come back as they were. None of them is asserted on.
"""

import importlib
import json
import logging
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
sys.path[:0] = [str(ROOT / "tests"), str(ROOT / "daemon")]

from core.scrub.corpora.case import score  # noqa: E402  # after the path is set
from core.scrub.corpora.template_pairs import pairs  # noqa: E402

Scrub = Callable[[str], str]
FAMILIES = ("path", "secret", "person", "assorted")


def blank(text: str, spans: list[tuple[int, int]], mark: str) -> str:
    """``text`` with each span replaced, overlapping ones once."""
    pieces, done = [], 0
    for start, end in sorted(spans):
        if start >= done:
            pieces += [text[done:start], mark]
            done = end
    return "".join([*pieces, text[done:]])


def detect_secrets() -> Scrub:
    from detect_secrets.core.scan import scan_line
    from detect_secrets.settings import default_settings

    def scrub(text: str) -> str:
        with default_settings():
            for line in text.split("\n"):
                for found in scan_line(line):
                    if found.secret_value:
                        text = text.replace(found.secret_value, "{SECRET}")
        return text

    return scrub


def scrubadub() -> Scrub:
    module = importlib.import_module("scrubadub")
    made = module.Scrubber(locale="en_US")
    return lambda text: str(made.clean(text))


def presidio() -> Scrub:
    module = importlib.import_module("presidio_analyzer.predefined_recognizers")
    made = []
    for name in dir(module):
        kind = getattr(module, name)
        if (isinstance(kind, type) and hasattr(kind, "PATTERNS")) or name == "PhoneRecognizer":
            try:
                made.append(kind())
            except Exception as error:
                print(f"presidio: {name} left out: {error}", file=sys.stderr)

    def scrub(text: str) -> str:
        spans = []
        for recognizer in made:
            found = recognizer.analyze(text, recognizer.supported_entities, None) or []
            spans += [(one.start, one.end) for one in found if one.score >= 0.35]
        return blank(text, spans, "{PII}")

    return scrub


def sentry_event_scrubber() -> Scrub:
    from sentry_sdk.scrubber import EventScrubber

    made = EventScrubber(recursive=True, send_default_pii=False)

    def scrub(text: str) -> str:
        try:
            value = json.loads(text)
        except ValueError:
            return text
        if not isinstance(value, dict):
            return text
        event = {"extra": value}
        made.scrub_event(event)  # type: ignore[arg-type]  # the shape is all that it reads
        return json.dumps(event["extra"], default=lambda part: getattr(part, "value", None))

    return scrub


def own() -> Scrub:
    from sidespool.core.scrub import Scrubber

    return Scrubber().text


PEERS: dict[str, Callable[[], Scrub]] = {
    "Sidespool": own,
    "detect-secrets, all plugins": detect_secrets,
    "Presidio, pattern recognisers": presidio,
    "scrubadub, default detectors": scrubadub,
    "Sentry SDK EventScrubber": sentry_event_scrubber,
}


def grouping(name: str, scrub: Scrub) -> Scrub:
    """Our templates; peers have none, so what they leave of a text stands for it."""
    if name != "Sidespool":
        return scrub
    from sidespool.core.scrub import Scrubber

    return Scrubber().template


def row(name: str, scrub: Scrub) -> Iterator[str]:
    yield name
    for family in FAMILIES:
        cases = importlib.import_module(f"core.scrub.corpora.{family}_cases").cases()
        # Peers take no context; those cases would be unfair.
        result = score([case for case in cases if not case.context], lambda text, _: scrub(text))
        yield f"{result.leak_share:.1f} / {result.damage_share:.1f}"
    texts = importlib.import_module("core.scrub.corpora.ordinary_cases").cases()
    same = sum(scrub(case.text) == case.text for case in texts)
    yield f"{100 * same / len(texts):.1f}"
    found = pairs()
    group = grouping(name, scrub)
    right = sum((group(a) == group(b)) == equal for a, b, equal in found)
    yield f"{100 * right / len(found):.0f}"


def main() -> None:
    logging.disable(logging.CRITICAL)  # peers log what they cannot download
    print("| | paths | secrets | people | assorted | ordinary unchanged % | pairs right % |")
    print("|---|---|---|---|---|---|---|")
    for name, make in PEERS.items():
        try:
            scrub = make()
        except ImportError as error:
            print(f"{name} is not installed: {error}", file=sys.stderr)
            continue
        print("| " + " | ".join(row(name, scrub)) + " |", flush=True)


if __name__ == "__main__":
    main()
