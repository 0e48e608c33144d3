"""The documents: links lead somewhere, and what exists is written down."""

import re
from pathlib import Path

import pytest

from sidespool.config import PARSERS
from sidespool.wire.builtin import builtin_catalog
from sidespool.wire.outcome import DropReason, LossReason, Reason

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]


def text_of_docs() -> str:
    return "\n".join(page.read_text() for page in PAGES)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_in_a_page_leads_somewhere(page: Path) -> None:
    targets = [
        target.split("#")[0]
        for target in LINK.findall(page.read_text())
        if not re.match(r"[a-z]+:", target) and not target.startswith("#")
    ]
    lost = [target for target in targets if not (page.parent / target).exists()]
    assert lost == []


@pytest.mark.parametrize("setting", sorted(PARSERS))
def test_every_setting_is_documented(setting: str) -> None:
    assert f"`{setting}`" in text_of_docs()


@pytest.mark.parametrize("reason", [*Reason, *DropReason, *LossReason])
def test_every_reason_is_documented(reason: str) -> None:
    assert f"`{reason}`" in text_of_docs()


@pytest.mark.parametrize("event", sorted(builtin_catalog().events))
def test_every_event_is_documented(event: str) -> None:
    assert event in text_of_docs()
