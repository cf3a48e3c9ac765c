"""``history`` shows what has changed, and ``export --as-of`` what was."""

import csv
from pathlib import Path

import pytest

from billing_mirror_cli.failures import ExitCode
from tests.cli.conftest import Cloud, Command, values
from tests.cli.past import Past
from tests.doubles.changes import live, removed
from tests.doubles.samples import subscription

SUBSCRIPTION = "v2.billing.rate_card_subscription"


@pytest.fixture
def changed(cloud: Cloud) -> Cloud:
    """A subscription became past due, another one was removed; at 22:14:20 and 22:16:20, and so on."""
    cloud.pin()
    cloud.deploy(parameters={"HistoryDays": "3650"})
    other = live(subscription("rcds_2"), 1)
    past_due = live(subscription(collection_status="past_due"), 3, event="evt_3")
    Past(cloud).write(live(subscription(), 1), other, past_due, removed(other, 5))
    return cloud


@pytest.mark.usefixtures("changed")
def test_history_shows_each_change_with_its_fields_before_and_after(command: Command) -> None:
    lines = command("history", "rcds_1").stdout.splitlines()
    assert lines == [
        "2023-11-14 22:16:15 UTC  updated  token 3  event evt_3",
        '  collection_status: "current" -> "past_due"',
        "2023-11-14 22:14:20 UTC  created  token 1  no event announced it; the fetch that showed it",
    ]
    first, last = values(command("history", "rcds_1", "--json"))
    assert (first["kind"], first["event_id"], last["former"]) == ("updated", "evt_3", None)
    assert len(values(command("history", "rcds_1", "--limit", "1", "--json"))) == 1


def test_history_tells_what_is_missing_and_what_is_uncertain(cloud: Cloud, command: Command) -> None:
    """After a missing change, what the change before it made is not known; nor is what a late function has not read."""
    cloud.pin()
    past = Past(cloud)
    past.write(live(subscription(), 1), live(subscription(collection_status="past_due"), 2))
    past.write(live(subscription(collection_status="unpaid"), 3), reaches_the_function=False)
    past.write(live(subscription(collection_status="paused"), 4))
    past.write(live(subscription(collection_status="current"), 5), reaches_the_function=False)
    lines = command("history", "rcds_1").stdout.splitlines()
    assert lines == [
        "2023-11-14 22:17:20 UTC  updated  token 4  no event announced it; the fetch that showed it",
        "  changes before this one may be missing; the state before is known since 2023-11-14 22:16:20 UTC",
        "  a later change may be among these: the history is not known to be complete since then",
        '  collection_status: "unpaid" -> "current"',
        "2023-11-14 22:15:20 UTC  updated  token 2  no event announced it; the fetch that showed it",
        "  the state after it is not known",
        "2023-11-14 22:14:20 UTC  created  token 1  no event announced it; the fetch that showed it",
    ]


@pytest.mark.usefixtures("changed")
def test_history_of_an_unknown_id_says_so(command: Command) -> None:
    assert command("history", "rcds_9").exit_code == ExitCode.FAILED


def test_history_of_an_object_that_has_not_changed(cloud: Cloud, command: Command) -> None:
    cloud.pin()
    cloud.deploy(parameters={"HistoryDays": "400"})
    cloud.put(subscription("rcds_1"))
    assert command("history", "rcds_1").stdout.startswith("rcds_1 has not changed since its history is kept")


def test_a_stack_without_history_does_not_say_that_nothing_has_changed(cloud: Cloud, command: Command) -> None:
    cloud.pin()
    cloud.put(subscription("rcds_1"))
    result = command("history", "rcds_1")
    assert result.exit_code == ExitCode.FAILED
    assert result.stderr.startswith("The stack keeps no history.\nDeploy with HistoryDays")


@pytest.mark.usefixtures("changed")
def test_an_export_shows_the_objects_as_they_were(command: Command, tmp_path: Path) -> None:
    out = tmp_path / "out"
    result = command("export", SUBSCRIPTION, "--as-of", "2023-11-14T22:15:00Z", "--out", str(out))
    assert result.exit_code == ExitCode.OK, result.output
    (path,) = out.glob("*rate_card_subscription/*.csv")
    with path.open(encoding="utf-8", newline="") as file:
        found = {line["id"]: line["collection_status"] for line in csv.DictReader(file)}
    assert found == {"rcds_1": "current", "rcds_2": "current"}


def test_an_export_fails_where_the_past_of_an_object_is_unknown(
    changed: Cloud, command: Command, tmp_path: Path
) -> None:
    """Without it, the export would lack an object, and look whole."""
    changed.put(subscription("rcds_3"))
    result = command("export", SUBSCRIPTION, "--as-of", "2023-11-14T22:10:00Z", "--out", str(tmp_path / "out"))
    assert result.exit_code == ExitCode.FAILED
    assert "is unknown: the history knows it since" in result.stderr
    assert not (tmp_path / "out").exists()
