"""Every generated file of the repository is what its sources say: `make generate` renews them."""

from pathlib import Path

import pytest

from sidespool.cli.catalog import expected_files

ROOT = Path(__file__).parents[2]
FILES = expected_files(ROOT)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_generated_file_is_up_to_date(path: Path) -> None:
    assert path.is_file(), "run `make generate`"
    same = path.read_bytes() == FILES[path].encode()
    assert same, f"{path.name} differs from its source: run `make generate`"


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_a_generated_file_ends_in_one_line_end_and_has_no_trailing_blanks(path: Path) -> None:
    text = FILES[path]
    assert text.endswith("\n")
    assert not text.endswith("\n\n")
    assert all(line == line.rstrip() for line in text.split("\n"))
