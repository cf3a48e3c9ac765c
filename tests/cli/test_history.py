"""``history`` shows what has changed, and ``export --as-of`` what was."""

import csv
from pathlib import Path

import pytest

from billing_mirror.core.table.items import Item
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
        "  changes after this one may be missing",
        "  changes before this one may be missing; the state before is known since 2023-11-14 22:16:20 UTC",
        "  a later change may be among these",
        '  collection_status: "unpaid" -> "current"',
        "2023-11-14 22:15:20 UTC  updated  token 2  no event announced it; the fetch that showed it",
        "  changes after this one may be missing",
        "  the state after it is not known",
        "2023-11-14 22:14:20 UTC  created  token 1  no event announced it; the fetch that showed it",
    ]


@pytest.mark.usefixtures("changed")
def test_history_of_an_unknown_id_says_so(command: Command) -> None:
    assert command("history", "rcds_9").exit_code == ExitCode.FAILED


MISSING_AFTER = "  changes after this one may be missing"


def test_history_of_an_object_that_has_not_changed(cloud: Cloud, command: Command) -> None:
    cloud.pin()
    past = Past(cloud)
    past.write(live(subscription(), 1), reaches_the_function=False)
    past.write(live(subscription(), 2), live(subscription(), 3))
    cloud.deploy(parameters={"HistoryDays": "3650"})
    sentence = "rcds_1 has not changed since 2023-11-14 22:14:20 UTC; changes before that may be missing"
    assert command("history", "rcds_1").stdout.splitlines() == [sentence]
    assert values(command("history", "rcds_1", "--json")) == [
        {"kind": "unchanged", "since": "2023-11-14T22:14:20.000Z", "notes": [sentence]}
    ]


def test_history_of_an_object_without_entries_does_not_say_that_it_has_not_changed(
    cloud: Cloud, command: Command
) -> None:
    """All were lost, or the history was switched on later."""
    cloud.pin()
    cloud.deploy(parameters={"HistoryDays": "3650"})
    lost = live(subscription(), 1), live(subscription(collection_status="past_due"), 2)
    Past(cloud).write(*lost, reaches_the_function=False)
    (line,) = command("history", "rcds_1").stdout.splitlines()
    assert line == (
        "No change of rcds_1 is kept, and changes may be missing: "
        "its state is known only since its last fetch, 2023-11-14 22:15:20 UTC"
    )
    (found,) = values(command("history", "rcds_1", "--json"))
    assert (found["kind"], found["notes"]) == ("unknown", [line])


def test_history_of_an_object_without_changes_that_was_edited_outside_knows_nothing(
    cloud: Cloud, command: Command
) -> None:
    cloud.pin()
    cloud.deploy(parameters={"HistoryDays": "3650"})
    edited = {**live(subscription(), 1), "data": subscription(collection_status="by hand")}
    Past(cloud).write(edited, reaches_the_function=False)
    assert command("history", "rcds_1").stdout.splitlines() == [
        "No change of rcds_1 is kept, and changes may be missing: since when its state holds is not known"
    ]


@pytest.mark.parametrize(
    "lost",
    [live(subscription(collection_status="past_due"), 2), removed(live(subscription(), 1), 2)],
    ids=["an update", "the removal"],
)
def test_history_tells_that_what_came_after_the_creation_is_missing(cloud: Cloud, command: Command, lost: Item) -> None:
    cloud.pin()
    past = Past(cloud)
    past.write(live(subscription(), 1))
    past.write(lost, reaches_the_function=False)
    _, *notes = command("history", "rcds_1").stdout.splitlines()
    assert notes == [MISSING_AFTER]
    (found,) = values(command("history", "rcds_1", "--json"))
    assert (found["kind"], found["gap_after"], found["notes"]) == ("created", True, [MISSING_AFTER.strip()])


def test_history_as_json_tells_that_a_later_update_is_missing(cloud: Cloud, command: Command) -> None:
    cloud.pin()
    past = Past(cloud)
    past.write(live(subscription(), 1), live(subscription(collection_status="past_due"), 2))
    past.write(live(subscription(collection_status="unpaid"), 3), reaches_the_function=False)
    newest, created = values(command("history", "rcds_1", "--json"))
    assert (newest["gap_after"], newest["notes"]) == (
        True,
        [MISSING_AFTER.strip(), "a later change may be among these"],
    )
    assert (created["gap_after"], created["notes"], created["former_since"]) == (False, [], "")


def test_an_edit_outside_billing_mirror_is_no_change_of_stripes(cloud: Cloud, command: Command) -> None:
    cloud.pin()
    past, held = Past(cloud), live(subscription(), 2)
    past.write(live(subscription(collection_status="past_due"), 1), held)
    past.write({**held, "data": subscription(collection_status="by hand")}, live(subscription(), 4))
    assert command("history", "rcds_1").stdout.splitlines() == [
        "2023-11-14 22:17:20 UTC  updated  token 4  no event announced it; the fetch that showed it",
        "  the state before was edited outside Billing Mirror, so fields may differ that Stripe did not change",
        '  collection_status: "by hand" -> "current"',
        "2023-11-14 22:15:20 UTC  updated  token 2  no event announced it; the fetch that showed it",
        "  the state after it is not known",
        "2023-11-14 22:14:20 UTC  created  token 1  no event announced it; the fetch that showed it",
    ]
    repair, *_ = values(command("history", "rcds_1", "--json"))
    assert repair["former_since"] == ""


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
    assert "is unknown: the next moment at which it is known is" in result.stderr
    assert not (tmp_path / "out").exists()
