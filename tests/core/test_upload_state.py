"""Every answer has its word in `status`, and every word its paragraph in the documents."""

from pathlib import Path

import pytest

from sidespool.core.upload_state import Word, trouble_of
from sidespool.wire.upload import (
    Backoff,
    BackoffCause,
    Captive,
    Classification,
    Delivered,
    Refused,
    RetryAfter,
    TooLarge,
    Unauthorized,
    UploadAnswer,
)

GUIDE = Path(__file__).parents[2] / "docs" / "troubleshooting-upload.md"


@pytest.mark.parametrize("cause", list(BackoffCause))
def test_every_cause_of_a_back_off_is_one_sentence_with_its_detail(cause: BackoffCause) -> None:
    trouble = trouble_of(Backoff("detail 42", cause))
    assert trouble is not None
    assert trouble.sentence.endswith("(detail 42)")
    assert "\n" not in trouble.sentence


@pytest.mark.parametrize(
    ("answer", "word"),
    [
        (Captive("x"), Word.CAPTIVE_PORTAL),
        (RetryAfter(1.0), Word.THROTTLED),
        (Unauthorized("401"), Word.UNAUTHORIZED),
        (Refused("404"), Word.REFUSED),
    ],
)
def test_every_other_answer_has_its_word(answer: Classification, word: Word) -> None:
    trouble = trouble_of(answer)
    assert trouble is not None
    assert trouble.word is word


def test_a_delivery_and_a_halving_are_no_trouble() -> None:
    assert trouble_of(Delivered(UploadAnswer(1, 0))) is None
    assert trouble_of(TooLarge()) is None


@pytest.mark.parametrize("word", list(Word))
def test_every_word_is_explained_in_the_troubleshooting_guide(word: Word) -> None:
    assert f"`{word}`" in GUIDE.read_text()
