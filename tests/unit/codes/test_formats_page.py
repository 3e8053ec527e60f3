"""docs/formats.md says what the code does."""

import re
from pathlib import Path

import pytest

from distribution.codes.format import Format
from distribution.errors import Refused

PAGE = (Path(__file__).parents[3] / "docs" / "formats.md").read_text()
ERRORS = re.findall(r"^\| `(.+?)` \| (Position .+?) \|$", PAGE, re.MULTILINE)


@pytest.mark.parametrize(("text", "says"), ERRORS)
def test_each_error_reads_as_the_page_has_it(text: str, says: str) -> None:
    with pytest.raises(Refused) as refusal:
        Format.parse(text)
    assert str(refusal.value) == says


def test_the_page_has_errors_and_its_ranges_are_ranges() -> None:
    ranges = re.findall(r"`([^`]+)`", PAGE.split("| ranges |")[1].split("\n\n")[0].replace("draws from", ""))
    assert len(ERRORS) == 8 and len(ranges) >= 6
    for each in ranges:
        Format.parse(f"{{string('{each}', 2)}}")
