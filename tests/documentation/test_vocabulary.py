"""The words that this project has given up stay away: each had to be learnt before the code could be read."""

import io
import re
import subprocess
import tokenize
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

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
    "dev/benchmarks/reconcile/ports.py": {"journal"},
}
"""Where an old word may stand: here, where an upgrade has to name it, and in SQLite's ``journal_mode``."""


class OldNames(NamedTuple):
    """Old names of one thing. ``code`` are identifiers and files; ``wire`` is text that users and stored data see."""

    say: str
    code: str
    wire: tuple[str, ...] = ()


OLD_NAMES = (
    OldNames("IngestDependencies, ProcessDependencies, ReconcileDependencies", "Door Desk Watch door desk watch"),
    OldNames("Ports", "World world"),
    OldNames("ActiveRun, run", "Round round_"),
    OldNames("ListCheckpoint, UsageCheckpoint, EventsCheckpoint", "Place"),
    OldNames("sort key, slot, index, path, folder", "place places"),
    OldNames("RunRequest, requests, sent", "Wish read_wish wish asked"),
    OldNames("DueJob, next_job, due", "Turn next_turn turn"),
    OldNames("EvenSpread", "Turns turns"),
    OldNames("RetryingStripe, RateLimitedStripe, RateLimiter, rate", "PatientStripe PacedStripe Pace pace"),
    OldNames("gather_all", "together"),
    OldNames("MetricCounts", "Tally tally"),
    OldNames("last_event_at", "told_at", ("told_at",)),
    OldNames("UnresolvedRef, ref_from_event, ref_from_request, object_ref, resolve", "Untold notified suspected"),
    OldNames("ObjectRef, ref", "Subject subject SUBJECT"),
    OldNames("ObjectType, object_type", "row rows ROW"),
    OldNames(
        "RefreshRequest, related_objects.py", "Suspicion suspicion suspect suspect.py", ("billing_mirror.suspicion",)
    ),
    OldNames("fetch, verify, marker", "look look_at look_up"),
    OldNames("mirror_state.py, is_fresh_enough, reflects_event", "known.py knows_of covers"),
    OldNames("put_tombstone", "bury"),
    OldNames("execute, start_run, abandon_run", "recorded begun given_up"),
    OldNames("backfill.py, insert_new", "fill.py take"),
    OldNames(
        "repair.py, repair_one, unresolved, already_resolved, finish_interrupted",
        "decide.py decide undecided decided_before settle_stopped",
    ),
    OldNames("listing.py, IndexEntry", "listed.py Listed"),
    OldNames("usage/pairs.py, UsagePair, record_pairs", "billed.py Pair write_down"),
    OldNames("ReceivedMessage, WorkItem, MessageResult, Result", "Received Task Ended Verdict"),
    OldNames("PermanentError, BadRequest, TransientError", "Refused Rejected Retryable"),
    OldNames("NotFound", "Gone gone"),
    OldNames("ListUnavailable, unavailable", "NotShown not_shown NOT_SHOWN", ("not_shown",)),
    OldNames("RunConflict", "Overtaken"),
    OldNames("ConfigurationError, InvalidRequest", "BadSetting BadSettings"),
    OldNames("already_fresh, ClockSkewMarginSeconds", "absorbed ABSORBED", ("AbsorbMarginSeconds",)),
    OldNames("verify, recover", "", ('"job": "objects"', '"job": "events"', 'runs("events")', "EventsMinutes")),
    OldNames(
        "updated_at, verified_at, last_verified_at, started_empty, lists_unreadable",
        "worked_at right_at waiting_since began_empty unread",
        ("worked_at", "right_at", "waiting_since", "began_empty"),
    ),
    OldNames("StateStore, partition, sort_key", "Journal journal book books"),
    OldNames("Category", "Nature nature by_nature", ("by_nature", "PricingHours")),
    OldNames("CompareInterval, Reference, ApiChannel", "Rhythm Via ApiLine"),
    OldNames("rate_card_subscriptions", "subscription_hours"),
    OldNames(
        "may_be_refused, sends_no_events, parent_is_customer, alternate_urls, ignored_fields, hidden_filters",
        "doubtful silent of_customer also_at volatile",
    ),
    OldNames("json_body", "body.py", ("core import body",)),
    OldNames(
        "child process, synthetic data, crashing, harness, scenario, mutant",
        "leash crowd mortal House a_house scene scenes planted defects",
    ),
    OldNames("make fuzz, make mutants, tests/roundtrip", "hostile", ("make hostile", "simulate-defects")),
)
"""Old names, exactly as written, by row of the table in which they were given up. ``claim`` and ``token`` were kept."""

INSIDE_IDENTIFIERS = ("asked", "turn", "pace", "given_up", "not_shown", "begun", "suspected", "by_nature", "told_at")
"""Old names that have no other meaning inside a longer identifier, as in ``test_a_list_is_given_up``."""

NAMES_ALLOWED = {
    "CHANGELOG.md": {name for old in OLD_NAMES for name in old.wire},
    "tests/documentation/test_vocabulary.py": {name for old in OLD_NAMES for name in old.wire},
    "dev/benchmarks/reconcile/ports.py": {"row"},
    "tests/template/test_monitoring.py": {"row", "rows"},
    **{f"cli/billing_mirror_cli/export/{name}.py": {"row", "rows"} for name in ("csv_file", "parquet_file", "tables")},
    **{f"tests/cli/{name}.py": {"row", "rows"} for name in ("test_export", "test_reports", "truth")},
    "cli/billing_mirror_cli/verbs/export.py": {"rows"},
}
"""Where an old name may stand: here, where an upgrade names it, and for rows of SQLite, of files and of dashboards."""


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


NEW_NAME = {name: old.say for old in OLD_NAMES for name in (*old.code.split(), *old.wire)}
_CODE = {name for old in OLD_NAMES for name in old.code.split()}
_ANY_CODE = re.compile(rf"(?<![a-zA-Z])(?:{'|'.join(map(re.escape, sorted(_CODE)))})(?![a-zA-Z])")
_WIRE = {name: re.compile(rf"(?<!\w){re.escape(name)}(?!\w)") for old in OLD_NAMES for name in old.wire}


def old_names_in(text: str, path: Path) -> Iterator[tuple[int, str]]:
    """The old names in a file and of the file itself, each with the number of its line."""
    if path.name in _CODE:
        yield 0, path.name
    for name, pattern in _WIRE.items():
        yield from ((text.count("\n", 0, found.start()) + 1, name) for found in pattern.finditer(text))
    if path.suffix == ".py" and _ANY_CODE.search(text):
        yield from _old_identifiers_in(text)


def _old_identifiers_in(source: str) -> Iterator[tuple[int, str]]:
    owner, before = "", ""
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        if token.type == tokenize.NAME and (owner, before, token.string) != ("asyncio", ".", "Task"):
            yield from ((token.start[0], name) for name in _names_in(token.string))
        owner, before = before, token.string


def _names_in(identifier: str) -> set[str]:
    """The old names that an identifier is, without leading underscores, or has between underscores."""
    parts = f"_{identifier}_"
    inside = {name for name in INSIDE_IDENTIFIERS if f"_{name}_" in parts}
    return inside | ({identifier, identifier.lstrip("_")} & _CODE)


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


def test_no_old_name_is_left() -> None:
    left = [
        f"{name}:{number}: {old} (say: {NEW_NAME[old]})"
        for path in _tracked()
        for number, old in old_names_in(path.read_text("utf-8"), path)
        if old not in NAMES_ALLOWED.get(name := str(path.relative_to(ROOT)), ())
    ]
    assert left == []


@pytest.mark.parametrize("old", OLD_NAMES, ids=lambda old: old.say)
def test_an_old_name_of_each_row_is_found(old: OldNames) -> None:
    for name in old.code.split():
        if name.endswith(".py"):
            assert list(old_names_in("", Path(name))) == [(0, name)]
        else:
            assert (2, name) in old_names_in(f"fine = 1\nx = {name}\n", Path("new.py"))
            assert (2, name) in old_names_in(f"fine = 1\nx._{name}()\n", Path("new.py"))
    for name in old.wire:
        assert (2, name) in old_names_in(f"fine\n  '{name}' is\n", Path("page.md"))


@pytest.mark.parametrize("text", ["asyncio.Task", '"Rejected"', "Metric.REJECTED", "taken", "# a place", "is_fresh"])
def test_a_new_name_is_not_found(text: str) -> None:
    assert list(old_names_in(f"{text}\n", Path("new.py"))) == []


@pytest.mark.parametrize("name", ["test_a_list_is_given_up", "_asked_since", "turn_after"])
def test_an_old_name_inside_a_longer_name_is_found(name: str) -> None:
    assert [number for number, _ in old_names_in(f"{name} = 1\n", Path("new.py"))] == [1]


@pytest.mark.parametrize("text", ["rounded", "indoors", "CloudWatch", "the network", "outpatient", "newsletter"])
def test_a_word_inside_another_one_is_not_found(text: str) -> None:
    assert list(old_words_in(text)) == []
