"""The timeline on the console's pages, of the history that a stack keeps."""

from collections.abc import Callable, Iterator

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By

from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.core.table.items import Item
from billing_mirror_cli.console.app import create_app
from billing_mirror_cli.console.guard import Guard
from billing_mirror_cli.console.kept_history import (
    CHANGES_SHOWN,
    FIELDS_SHOWN,
    LENGTH_SHOWN,
    OBJECTS_READ,
    history_of,
)
from tests.cli.conftest import Cloud
from tests.cli.past import Past
from tests.doubles.changes import live, removed
from tests.doubles.samples import sample, subscription

from .conftest import Served, open_console, serve, session_on

Page = Callable[[str], str]


@pytest.fixture
def past(cloud: Cloud) -> Past:
    cloud.deploy(parameters={"HistoryDays": "400"})
    return Past(cloud)


@pytest.fixture
def page(cloud: Cloud, monkeypatch: pytest.MonkeyPatch) -> Page:
    """The text of a page of the stack that is deployed when it is asked for."""

    def get(path: str) -> str:
        session, guard = session_on(cloud, monkeypatch), Guard(8642)
        client = create_app(session, guard, history=history_of(session)).test_client()
        client.set_cookie(guard.cookie, guard.key, domain="127.0.0.1")
        answer = client.get(path, base_url="http://127.0.0.1:8642")
        assert answer.status_code == 200
        return answer.text

    return get


def timeline(page: str) -> list[str]:
    """Each change on a page, the first one first."""
    _, _, found = page.partition('<ol class="timeline">')
    return found.partition("</ol>")[0].split("<li>\n      <p>")[1:]


def state(status: str, identifier: str = "rcds_1", **fields: Json) -> JsonObject:
    return subscription(identifier, collection_status=status, **fields)


def customer() -> Item:
    return live(sample("customer", id="cus_1", livemode=False), 1)


@pytest.mark.parametrize("days", [None, "0"])
@pytest.mark.parametrize("path", ["/customer?id=cus_1", "/object?id=cus_1"])
def test_a_stack_without_history_says_how_to_switch_it_on(
    cloud: Cloud, page: Page, path: str, days: str | None
) -> None:
    cloud.deploy(parameters={"HistoryDays": days} if days else {})
    Past(cloud).write(customer())
    shown = page(path)
    assert "History is off: this stack keeps no former states." in shown
    assert "HistoryDays=400 (docs/changes.md)" in shown
    assert timeline(shown) == []


def test_an_object_shows_each_change_with_its_fields_newest_first(past: Past, page: Page) -> None:
    held = live(state("past_due"), 3, event="evt_3")
    past.write(live(state("current"), 1), held, removed(held, 5))
    shown = page("/object?id=rcds_1")
    assert "Former states are kept for 400 days." in shown
    last, second, first = timeline(shown)
    assert "<strong>removed</strong>" in last
    assert "<strong>updated</strong>" in second
    assert '<time datetime="2023-11-14T22:16:15.000Z">' in second
    assert "<code>collection_status</code> <del>current</del> <ins>past_due</ins>" in second
    assert "No event announced it" not in second
    assert "<strong>created</strong>" in first
    assert "No event announced it: this is the time of the fetch that showed it." in first


def test_gaps_and_what_the_function_has_not_read_are_shown(past: Past, page: Page) -> None:
    past.write(live(state("current"), 1), live(state("past_due"), 2))
    past.write(live(state("unpaid"), 3), reaches_the_function=False)
    past.write(live(state("paused"), 4))
    past.write(live(state("current"), 5), reaches_the_function=False)
    last, before_the_gap, _ = timeline(page("/object?id=rcds_1"))
    assert "Changes before this one may be missing; the state before is known since 2023-11-14 22:16:20 UTC." in last
    assert "Changes after this one may be missing." in last
    assert "A later change may be among these." in last
    assert "The state after it is not known." in before_the_gap
    assert "<del>" not in before_the_gap


def test_a_customer_shows_the_changes_of_its_objects_in_order_of_time(past: Past, page: Page) -> None:
    past.write(customer(), live(state("current"), 2), live(state("current", "rcds_2"), 3))
    past.write(live(state("past_due"), 4), live(state("past_due", "rcds_2"), 5), live(state("current"), 6))
    found = timeline(page("/customer?id=cus_1"))
    named = [next(one for one in ("rcds_1", "rcds_2", "cus_1") if f">{one}</a>" in change) for change in found]
    assert named == ["rcds_1", "rcds_2", "rcds_1", "rcds_2", "rcds_1", "cus_1"]


def test_an_object_that_has_not_changed_says_so(past: Past, page: Page) -> None:
    past.write(live(state("current"), 1), reaches_the_function=False)
    past.write(live(state("current"), 2))
    assert "Nothing has changed since 2023-11-14 22:14:20 UTC." in page("/object?id=rcds_1")


def test_objects_without_entries_are_not_said_to_be_unchanged(past: Past, page: Page) -> None:
    """All were lost, or the history was switched on later."""
    past.write(customer(), live(state("current"), 2), reaches_the_function=False)
    assert "No change of cus_1 is kept, and changes may be missing." in page("/object?id=cus_1")
    past.write(live(state("current", "rcds_2"), 3))
    shown = page("/customer?id=cus_1")
    assert "No change of cus_1, rcds_1 is kept, and changes may be missing." in shown
    assert "Nothing has changed" not in shown


@pytest.mark.parametrize(
    "lost", [live(state("past_due"), 2), removed(live(state("current"), 1), 2)], ids=["an update", "the removal"]
)
def test_what_came_after_the_creation_is_said_to_be_missing(past: Past, page: Page, lost: Item) -> None:
    past.write(live(state("current"), 1))
    past.write(lost, reaches_the_function=False)
    (created,) = timeline(page("/object?id=rcds_1"))
    assert "<strong>created</strong>" in created
    assert "Changes after this one may be missing." in created


def test_an_edit_outside_billing_mirror_is_no_change_of_stripes(past: Past, page: Page) -> None:
    held = live(state("current"), 1)
    past.write(held, {**held, "data": state("by hand")}, live(state("current"), 3))
    repair, created = timeline(page("/object?id=rcds_1"))
    assert "The state before was edited outside Billing Mirror" in repair
    assert "missing" not in created


def test_a_change_of_a_list_beside_the_body_names_no_field(past: Past, page: Page) -> None:
    past.write(live(state("current"), 1, customer="cus_1"), live(state("current"), 2, customer="cus_2"))
    newest, _ = timeline(page("/object?id=rcds_1"))
    assert "Its customer or a list that belongs to it changed, not its body." in newest


def test_a_state_that_was_too_large_is_said_to_be_missing(past: Past, page: Page) -> None:
    without_body = {name: value for name, value in live(state("current"), 1).items() if name != "data"}
    past.write(without_body, live(state("past_due"), 2))
    newest, _ = timeline(page("/object?id=rcds_1"))
    assert "The state before it is not kept: it was too large." in newest
    assert "<del>" not in newest


def test_a_long_history_is_cut_at_the_newest_changes(past: Past, page: Page) -> None:
    past.write(*(live(state(f"s{token}"), token) for token in range(1, CHANGES_SHOWN + 1)))
    assert "These are the newest" not in page("/object?id=rcds_1")
    past.write(live(state("last"), CHANGES_SHOWN + 1))
    shown = page("/object?id=rcds_1")
    assert len(timeline(shown)) == CHANGES_SHOWN
    assert f"These are the newest {CHANGES_SHOWN} changes; billing-mirror history ID --limit 100 shows more." in shown
    assert "<ins>last</ins>" in timeline(shown)[0]


def test_a_large_change_is_cut_at_its_first_fields(past: Past, page: Page) -> None:
    many: JsonObject = {f"key_{number:02}": "x" * (LENGTH_SHOWN + 1) for number in range(FIELDS_SHOWN + 2)}
    past.write(live(state("current", metadata={}), 1), live(state("current", metadata=many), 2))
    newest, _ = timeline(page("/object?id=rcds_1"))
    assert newest.count("<del>null</del>") == FIELDS_SHOWN
    assert newest.count("x" * LENGTH_SHOWN + "...</ins>") == FIELDS_SHOWN
    assert "x" * (LENGTH_SHOWN + 1) not in newest
    assert "2 more fields changed: billing-mirror history rcds_1." in newest


def test_a_customer_with_many_objects_shows_those_of_the_first(past: Past, page: Page) -> None:
    past.write(customer(), *(live(state("current", f"rcds_{number}"), 2) for number in range(OBJECTS_READ)))
    shown = page("/customer?id=cus_1")
    assert f"Of {OBJECTS_READ + 1} objects, only the first {OBJECTS_READ} are here" in shown
    assert len(timeline(shown)) == OBJECTS_READ
    assert "These are the newest" not in shown


@pytest.fixture
def served(cloud: Cloud, past: Past, monkeypatch: pytest.MonkeyPatch) -> Iterator[Served]:
    session = session_on(cloud, monkeypatch)
    past.write(customer(), live(state("current"), 1), live(state("past_due"), 2, event="evt_2"))
    with serve(session, history_of(session)) as served:
        yield served


def test_a_person_reads_what_a_subscription_was(chromium: Chrome, served: Served) -> None:
    chrome = open_console(chromium, served)
    chrome.get(f"{served.address}/customer?id=cus_1")
    newest = chrome.find_element(By.CSS_SELECTOR, ".timeline > li")
    assert "collection_status current past_due" in newest.text
    newest.find_element(By.LINK_TEXT, "rcds_1").click()
    assert chrome.find_element(By.TAG_NAME, "h1").text == "rcds_1"
    kinds = [one.text for one in chrome.find_elements(By.CSS_SELECTOR, ".timeline strong")]
    assert kinds == ["updated", "created"]
