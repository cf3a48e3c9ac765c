"""``prove`` says by type what was compared by a time, and what was not."""

import re
import time
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from billing_mirror.core import json_body, times
from billing_mirror.core.catalog import RECONCILED_TYPES, TYPES
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.runs.connected import ConnectedAccounts
from billing_mirror.core.runs.drift import Difference
from billing_mirror.core.runs.run import Counts, Drift, Job, Resolution, Run, Status
from billing_mirror_cli.failures import ExitCode
from billing_mirror_cli.proof.never_compared import gaps
from tests.cli.conftest import Cloud, Command, values

HOUR = 3600.0
NOW = float(int(time.time()))
INVOICE = "invoice"
TEST, LIVE = Scope(livemode=False), Scope(livemode=True)


def run_of(name: str, ended: float, job: Job = Job.VERIFY, counts: Counts | None = None) -> Run:
    return Run(
        name,
        job,
        ended - 60,
        updated_at=ended,
        finished_at=ended,
        status=Status.COMPLETE,
        counts=counts or Counts(compared=10, equal=10),
    )


@pytest.fixture
def compared(cloud: Cloud) -> Cloud:
    """A stack whose every type was compared an hour ago, and whose events are read."""
    cloud.pin()
    for one in RECONCILED_TYPES:
        cloud.record(run_of(one.name, NOW - HOUR))
    cloud.record(replace(run_of("recover", NOW - 600, Job.RECOVER), watermark=times.iso(NOW - 700)))
    return cloud


def proven(command: Command, *arguments: str) -> JsonObject:
    (proof,) = values(command("prove", "--json", *arguments))
    return proof


def of_type(proof: JsonObject, name: str) -> JsonObject:
    types = proof["types"]
    assert isinstance(types, list)
    (found,) = [one for one in types if isinstance(one, dict) and one["type"] == name]
    return found


@pytest.mark.usefixtures("compared")
def test_a_stack_that_was_compared_whole_is_equal(command: Command) -> None:
    result = command("prove")
    assert result.exit_code == ExitCode.OK, result.output
    ended = times.iso(NOW - HOUR).replace("T", " ")[:19]
    assert result.stdout.splitlines()[0] == (
        f"EQUAL  The table equalled Stripe in {10 * len(RECONCILED_TYPES)} objects of {len(RECONCILED_TYPES)} types; "
        f"compared between {ended} UTC and {ended} UTC."
    )
    proof = proven(command)
    assert proof["verdict"] == "equal"
    assert proof["events_read_until"] == times.iso(NOW - 700)
    assert (proof["scope"], proof["account"]) == ("test", "acct_1")


def test_only_what_had_ended_by_then_counts(compared: Cloud, command: Command) -> None:
    compared.record(run_of(INVOICE, NOW - 3 * HOUR, counts=Counts(compared=7, repaired=1)))
    compared.record(run_of(INVOICE, NOW - 60, counts=Counts(compared=99)))
    run = of_type(proven(command, "--as-of", times.iso(NOW - 2 * HOUR)), INVOICE)["run"]
    assert isinstance(run, dict)
    assert (run["compared"], run["found"], run["repaired"]) == (7, 1, 1)
    # While the last one ran, its result was not known.
    run = of_type(proven(command, "--as-of", times.iso(NOW - 90)), INVOICE)["run"]
    assert isinstance(run, dict)
    assert run["compared"] == 10


@pytest.mark.usefixtures("compared")
def test_before_the_first_comparison_nothing_is_proven(command: Command) -> None:
    result = command("prove", "--as-of", times.iso(NOW - 5 * HOUR))
    assert result.exit_code == ExitCode.UNDECIDED
    assert result.stdout.startswith("NOT PROVEN  Of ")
    assert "invoice  not compared: no run had started, or its record has expired" in result.stdout


@pytest.mark.parametrize(
    ("counts", "finding", "reason", "code"),
    [
        ({"repaired": 2}, "equal", "", ExitCode.OK),
        ({"false_alarms": 2}, "equal", "", ExitCode.OK),
        ({"unresolved": 1}, "undecided", "1 unresolved", ExitCode.UNDECIDED),
        ({"in_flight": 1}, "undecided", "1 left to a refresh in flight", ExitCode.UNDECIDED),
        ({"held": 3}, "undecided", "3 kept although Stripe does not return them", ExitCode.UNDECIDED),
        ({"lists_unreadable": 1}, "undecided", "1 lists unreadable", ExitCode.UNDECIDED),
        ({"unstorable": 1}, "differs", "1 that the table cannot hold", ExitCode.DRIFT),
        ({"unstorable": 1, "held": 3}, "differs", "1 that the table cannot hold, 3 kept", ExitCode.DRIFT),
    ],
)
def test_what_a_run_left_open_decides(
    compared: Cloud, command: Command, counts: dict[str, int], finding: str, reason: str, code: ExitCode
) -> None:
    compared.record(run_of(INVOICE, NOW - 60, counts=Counts(compared=10, **counts)))
    result = command("prove", "--json")
    (proof,) = values(result)
    found = of_type(proof, INVOICE)
    assert found["finding"] == finding
    assert str(found["reason"]).startswith(reason)
    assert result.exit_code == code


@pytest.mark.parametrize(
    ("status", "finding", "holds"),
    [(Status.UNAVAILABLE, "absent", True), (Status.UNAUTHORIZED, "not compared", False)],
)
def test_a_type_that_was_never_readable(
    cloud: Cloud, command: Command, status: Status, finding: str, *, holds: bool
) -> None:
    cloud.pin()
    for one in RECONCILED_TYPES:
        run = run_of(one.name, NOW - HOUR)
        cloud.record(replace(run, status=status) if one.name == INVOICE else run)
    proof = proven(command)
    assert of_type(proof, INVOICE)["finding"] == finding
    assert (proof["verdict"] == "equal") is holds


def test_how_a_run_ended_later_proves_nothing_before(cloud: Cloud, command: Command) -> None:
    cloud.pin()
    for one in RECONCILED_TYPES:
        run = run_of(one.name, NOW - HOUR)
        cloud.record(replace(run, status=Status.UNAVAILABLE) if one.name == INVOICE else run)
    running = datetime.fromtimestamp(run_of(INVOICE, NOW - HOUR).started_at + 1, UTC)
    found = of_type(proven(command, "--as-of", running.isoformat()), INVOICE)
    assert (found["finding"], found["reason"]) == ("not compared", "no run had completed: the first one was running")


class Page(HTMLParser):
    """The tags, attributes and text of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def test_the_page_holds_the_evidence_and_loads_nothing(compared: Cloud, command: Command, tmp_path: Path) -> None:
    run = run_of(INVOICE, NOW - 60, counts=Counts(repaired=1, unresolved=1, compared=1234))
    compared.record(run)
    malicious = "in_<script>alert('&')</script>"
    compared.note(run, Drift(malicious, Difference.OUTDATED, Resolution.REPAIRED, ("status",)), NOW - 70)
    compared.note(run, Drift("in_2", Difference.MISSING, Resolution.UNRESOLVED, reason="<img src=x>"), NOW - 70)
    compared.note(run, Drift("in_3", Difference.OUTDATED, Resolution.FALSE_ALARM), NOW - 70)
    result = command("prove", "--out", str(tmp_path / "proofs"))
    assert result.exit_code == ExitCode.UNDECIDED
    html, data = sorted((tmp_path / "proofs").iterdir())
    assert (html.suffix, data.suffix) == (".html", ".json")
    assert f"Written: {html}" in result.stderr.replace("\n", "")
    text = html.read_text()
    page = Page(text)
    assert malicious in page.text
    assert "<img src=x>" in page.text
    assert "in_3" not in page.text
    assert "1,234" in page.text
    assert page.text.index("NOT PROVEN") < page.text.index("By type")
    assert page.tags.isdisjoint({"script", "img", "link", "iframe"})
    assert page.attributes.isdisjoint({"src", "href", "onclick", "onload"})
    assert re.findall(r"https?:|url\(|@import", text) == []
    proof = json_body.parse(data.read_text())
    differences = of_type(proof, INVOICE)["differences"]
    assert isinstance(differences, list)
    assert {str(one["id"]) for one in differences if isinstance(one, dict)} == {"in_2", malicious}


@pytest.mark.usefixtures("compared")
@pytest.mark.parametrize(("name", "begins"), [("proof.html", "<!doctype html>"), ("proof.json", "{\n")])
def test_a_file_is_written_as_its_name_says(command: Command, tmp_path: Path, name: str, begins: str) -> None:
    assert command("prove", "--out", str(tmp_path / name)).exit_code == ExitCode.OK
    assert [one.name for one in tmp_path.iterdir()] == [name]
    assert (tmp_path / name).read_text().startswith(begins)


@pytest.mark.usefixtures("compared")
@pytest.mark.parametrize(
    ("arguments", "said", "code"),
    [
        (["--as-of", "yesterday"], "yesterday is no time.", ExitCode.USAGE),
        (["--as-of", "2126-01-01T00:00:00Z"], "2126-01-01T00:00:00Z is in the future.", ExitCode.USAGE),
        (["--out", "proof.pdf"], "proof.pdf ends neither with .html nor with .json.", ExitCode.USAGE),
        (["--out", "/dev/null/proof"], "cannot be written", ExitCode.FAILED),
    ],
)
def test_what_cannot_be_done_is_a_sentence(command: Command, arguments: list[str], said: str, code: ExitCode) -> None:
    result = command("prove", *arguments)
    assert result.exit_code == code
    assert said in result.stderr


@pytest.mark.usefixtures("compared")
def test_a_day_is_its_end_and_today_is_now(command: Command) -> None:
    assert str(proven(command, "--as-of", "2026-01-02")["as_of"]) == "2026-01-02T23:59:59.999Z"
    today = times.iso(time.time())[:10]
    assert proven(command, "--as-of", today)["verdict"] == "equal"


def test_every_type_is_compared_or_named_as_never_compared() -> None:
    named = {name for gap in gaps(TEST) for name in gap.types}
    compared = {one.name for one in RECONCILED_TYPES}
    assert {name for name in TYPES if name not in compared} <= named
    assert all(gap.why.endswith(".") for gap in gaps(LIVE, ConnectedAccounts(seen=True)))


@pytest.mark.parametrize(
    ("scope", "contexts", "named"),
    [
        ("test", "none", {"Objects of connected accounts": "by their events only"}),
        ("test", "seen", {"Objects of connected accounts": "--scope test/acct_"}),
        (
            "test",
            "acct_2, acct_3",
            {
                "Objects of connected accounts": "--scope test/acct_",
                "Objects of connected accounts other than acct_2, acct_3": "by their events only",
            },
        ),
        ("test/acct_2", "acct_2", {}),
        ("test/acct_2", "none", {}),
    ],
)
def test_connected_accounts_are_a_gap_where_this_proof_lacks_them(
    compared: Cloud, command: Command, scope: str, contexts: str, named: dict[str, str]
) -> None:
    compared.deploy(parameters={"Contexts": contexts})
    never = proven(command, "--scope", scope)["never_compared"]
    assert isinstance(never, list)
    found = {str(one["what"]): str(one["why"]) for one in never if isinstance(one, dict)}
    found = {what: why for what, why in found.items() if "connected" in what}
    assert found.keys() == named.keys()
    assert all(said in found[what] for what, said in named.items())
