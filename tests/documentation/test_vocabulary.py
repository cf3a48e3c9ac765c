"""The words that this project has given up stay away: each had to be learnt before the code could be read."""

import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
TEXTS = {".py", ".md", ".yaml", ".yml", ".toml", ".sh", ".svg", ""}
"""Suffixes of the files that are read; the Makefiles and the licence have none."""

OLD_WORDS = {
    r"absorb\w*": "already fresh",
    r"bury|buried|buries|burying": "put a tombstone",
    r"suspicions?|suspects?|suspected": "refresh request, difference",
    r"untold": "unresolved",
    r"told": "said, announced, named (`told_at`: `last_event_at`)",
    r"wish|wishes": "run request",
    r"doubtful": "may be refused",
    r"leash": "child process",
    r"crowds?": "synthetic data",
    r"mortal": "crashing",
    r"hostile": "malicious, fuzz",
    r"desk|door": "dependencies",
    r"tally": "metric counts",
    r"rhythms?": "compare interval",
    r"natures?": "category",
    r"journal": "state store",
    r"planted|planting": "activated (of a mutant)",
    r"paced|patient": "rate limited, retrying",
    r"round_": "run",
    r"worlds?": "ports",
    r"somebody|anybody|whoever|nobody|someone|everybody": "the name of the actor",
    r"looks? at|looked at|looking at": "fetch, verify, read",
    r"news": "event, change",
    r"goes on|went on|going on|gone on|go on with": "continues, resumes",
    r"taken for": "mistaken for, treated as",
    r"begun|began": "started",
    r"given up|give up": "abandoned",
}
"""An old word, and what to say instead."""

ALLOWED = {
    "tests/documentation/test_vocabulary.py": set(OLD_WORDS),
    "CHANGELOG.md": set(OLD_WORDS),
    "dev/benchmarks/ports.py": {"journal"},
}
"""Where an old word may stand: here, where an upgrade has to name it, and in SQLite's ``journal_mode``."""


def _pattern(word: str) -> re.Pattern[str]:
    """Finds a word in prose, in ``snake_case`` and in ``CamelCase``."""
    return re.compile(rf"(?<![a-z])(?:{word})(?![a-z])", re.IGNORECASE)


PATTERNS = {word: _pattern(word) for word in OLD_WORDS}
_HUMP = re.compile(r"(?<=[a-z])(?=[A-Z])")


def old_words_in(text: str) -> Iterator[tuple[int, str]]:
    """The old words in a text, each with the number of its line."""
    for number, line in enumerate(text.splitlines(), 1):
        words = _HUMP.sub(" ", line)
        yield from ((number, word) for word, pattern in PATTERNS.items() if pattern.search(words))


def _tracked() -> list[Path]:
    command = ["git", "ls-files", "-z"]
    listed = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    paths = [ROOT / name for name in listed.split("\0") if name]
    return [path for path in paths if path.suffix in TEXTS and path.is_file() and path.name != "LICENSE"]


def test_no_old_word_is_left() -> None:
    left = [
        f"{name}:{number}: {word} (say: {OLD_WORDS[word]})"
        for path in _tracked()
        for number, word in old_words_in(path.read_text("utf-8"))
        if word not in ALLOWED.get(name := str(path.relative_to(ROOT)), ())
    ]
    assert left == []


@pytest.mark.parametrize(
    "text",
    [
        "it is absorbed",
        "def bury(self)",
        "class PatientStripe:",
        "round_.run",
        "SomebodyElse",
        "a Suspicion",
        "told_at",
    ],
)
def test_an_old_word_is_found_in_prose_and_in_names(text: str) -> None:
    assert [number for number, _ in old_words_in(f"fine\n{text}\n")] == [2]


@pytest.mark.parametrize("text", ["rounded", "indoors", "CloudWatch", "the network", "outpatient", "newsletter"])
def test_a_word_inside_another_one_is_not_found(text: str) -> None:
    assert list(old_words_in(text)) == []
