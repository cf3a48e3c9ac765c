"""docs/console.md, compared with the console and its pictures."""

import re

import pytest

from billing_mirror_cli.console.monitoring import WANTED
from billing_mirror_cli.console.search import MOST_CUSTOMERS
from billing_mirror_cli.console.verdict_badge import KEPT_SECONDS
from docs.console_pictures import PICTURES, WHAT
from tests.documentation.pages import text_of

PAGE = text_of("docs/console.md")
MOST_BYTES = 150_000
NAMES = [name for name, *_ in WHAT]


def test_the_page_shows_every_picture_that_is_taken_and_no_other() -> None:
    assert sorted(re.findall(r"\]\(console/([\w-]+)\.webp\)", PAGE)) == sorted(NAMES)
    assert sorted(path.name for path in PICTURES.iterdir()) == sorted(f"{name}.webp" for name in NAMES)


@pytest.mark.parametrize("name", NAMES)
def test_a_picture_is_small(name: str) -> None:
    written = (PICTURES / f"{name}.webp").read_bytes()
    assert (written[:4], written[8:12]) == (b"RIFF", b"WEBP")
    assert len(written) < MOST_BYTES


def test_the_figures_are_those_of_the_code() -> None:
    assert f"newest {MOST_CUSTOMERS:,} customers" in PAGE
    assert f"at most {KEPT_SECONDS:.0f} seconds old" in PAGE
    assert f"reads some {round(len(WANTED), -1)} metrics" in PAGE
