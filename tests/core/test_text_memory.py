"""The memory of long texts: what it gives is what the work gives, and it stays within bounds."""

from hypothesis import given
from hypothesis import strategies as st

from sidespool.core.text_memory import TextMemory


class Work:
    """Doubles a text, and counts how often it was asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, text: str) -> str:
        self.asked.append(text)
        return text + text


@given(st.lists(st.text(max_size=12), max_size=60), st.integers(1, 60))
def test_it_answers_as_the_work_does_and_never_holds_more_than_two_generations(
    texts: list[str], chars_max: int
) -> None:
    memory = TextMemory(lambda text: text + text, chars_max)
    for text in texts:
        assert memory.recall(text) == text + text
        assert memory.chars <= 2 * chars_max


def test_what_is_used_again_and_again_is_worked_out_once() -> None:
    work = Work()
    memory = TextMemory(work, 40)
    for n in range(100):
        memory.recall("often")
        memory.recall(f"once {n}")
    assert work.asked.count("often") == 1


def test_what_is_larger_than_a_generation_is_not_kept() -> None:
    work = Work()
    memory = TextMemory(work, 10)
    memory.recall("x" * 6)
    memory.recall("x" * 6)
    assert (len(work.asked), memory.chars) == (2, 0)


def test_the_text_itself_is_not_held() -> None:
    memory = TextMemory(lambda _: "{TEXT}", 1_000)
    memory.recall("a private word")
    assert "private" not in repr(vars(memory))
