"""Read after write: which fetch counts, when a refresh is asked for, and when waiting ends."""

from collections.abc import Callable

import pytest

from billing_mirror.core import times
from billing_mirror.core.events.messages import RefreshRequest, read_message
from billing_mirror.core.events.related_object import ref_from_request
from billing_mirror.core.table.items import Item
from billing_mirror.reader import ReaderError
from billing_mirror.reader.refresh_request import refresh_message
from billing_mirror.reader.waiting import CLOCK_SKEW_MARGIN, PATIENCE, Seen, wait

NOW = 1_700_000_000.0


class Stack:
    """An object's two items, changed at given seconds after the first read; time passes by sleeping."""

    def __init__(self, token: int, claimed: int, fetched_at: float = NOW - 3600) -> None:
        self.time = NOW
        self.seen = Seen(token, fetched_at, claimed)
        self.plan: list[tuple[float, Callable[[Seen], Seen]]] = []
        self.requested_at: list[float] = []
        self.on_ask: Callable[[], None] = lambda: None

    def now(self) -> float:
        return self.time

    def sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.time += seconds

    def claims(self, after: float) -> None:
        self.plan.append((NOW + after, lambda seen: Seen(seen.token, seen.fetched_at, seen.claimed + 1)))

    def puts(self, after: float, token: int, fetched_after: float) -> None:
        self.plan.append((NOW + after, lambda seen: Seen(token, NOW + fetched_after, max(seen.claimed, token))))

    def read(self) -> Seen:
        due = [step for step in self.plan if step[0] <= self.time]
        self.plan = [step for step in self.plan if step[0] > self.time]
        for _, change in sorted(due, key=lambda step: step[0]):
            self.seen = change(self.seen)
        return self.seen

    def ask(self, seen: Seen) -> None:
        assert seen == self.seen
        self.requested_at.append(self.time - NOW)
        self.on_ask()

    def wait(self, since: float = 0.0, timeout: float = 30.0) -> bool:
        return wait(self.read, self.ask, since=NOW + since, timeout=timeout, clock=self)

    @property
    def waited(self) -> float:
        return self.time - NOW


def test_a_fetch_that_is_claimed_after_the_call_ends_the_wait() -> None:
    stack = Stack(token=4, claimed=4)
    stack.claims(after=0.5)
    stack.puts(after=1.0, token=5, fetched_after=0.6)
    assert stack.wait()
    assert stack.requested_at == []
    assert 1.0 <= stack.waited < 2.0


def test_a_fetch_in_flight_at_the_call_does_not_count() -> None:
    """It may have started before the change: its token was claimed before the first read."""
    stack = Stack(token=4, claimed=5)
    stack.puts(after=0.5, token=5, fetched_after=-1.0)
    assert not stack.wait(timeout=10.0)
    stack = Stack(token=4, claimed=5)
    stack.puts(after=0.5, token=5, fetched_after=-1.0)
    stack.on_ask = lambda: stack.puts(after=stack.waited + 0.5, token=6, fetched_after=stack.waited + 0.2)
    assert stack.wait()


def test_a_fetch_in_flight_that_starts_well_after_the_call_counts() -> None:
    """A worker claimed, stood still, and fetches now: then process has no reason to fetch once more."""
    stack = Stack(token=4, claimed=5)
    stack.puts(after=8.0, token=5, fetched_after=CLOCK_SKEW_MARGIN)
    assert stack.wait()
    assert stack.waited >= 8.0


@pytest.mark.parametrize(("fetched_after", "answered"), [(-0.1, False), (0.0, True), (60.0, True)])
def test_a_fetch_long_enough_after_the_moment_is_already_there(fetched_after: float, answered: bool) -> None:
    stack = Stack(token=4, claimed=4, fetched_at=NOW - 600 + CLOCK_SKEW_MARGIN + fetched_after)
    assert stack.wait(since=-600, timeout=0.0) is answered


def test_a_refresh_is_requested_once_where_none_follows() -> None:
    stack = Stack(token=4, claimed=4)
    assert not stack.wait(timeout=30.0)
    (requested_at,) = stack.requested_at
    assert PATIENCE <= requested_at < PATIENCE + 1
    assert stack.waited == pytest.approx(30.0)


def test_no_refresh_is_requested_where_one_is_on_its_way() -> None:
    stack = Stack(token=4, claimed=4)
    stack.claims(after=1.5)
    stack.puts(after=20.0, token=5, fetched_after=1.6)
    assert stack.wait()
    assert stack.requested_at == []


def test_the_refresh_that_was_requested_ends_the_wait() -> None:
    stack = Stack(token=0, claimed=0, fetched_at=0.0)
    stack.on_ask = lambda: stack.puts(after=stack.waited + 1, token=1, fetched_after=stack.waited + 0.5)
    assert stack.wait()
    assert stack.waited < 6


def test_the_time_of_a_list_answers_nothing() -> None:
    stack = Stack(token=0, claimed=0, fetched_at=NOW + 3600)
    assert not stack.wait(since=-600, timeout=1.0)


def test_a_lost_counter_answers_nothing() -> None:
    stack = Stack(token=41, claimed=0)
    assert not stack.wait(timeout=1.0)


def test_a_timeout_of_nothing_reads_once() -> None:
    stack = Stack(token=4, claimed=4)
    assert not stack.wait(timeout=0.0)
    assert stack.waited == 0


def test_items_as_the_table_holds_them() -> None:
    item: Item = {"token": 7, "fetched_at": times.iso(NOW), "type": "invoice", "parent": "sub_1"}
    assert Seen.from_items(item, {"claimed": 9}) == Seen(7, NOW, 9, "invoice", "sub_1")
    assert Seen.from_items(None, None) == Seen(0, 0.0, 0)


@pytest.mark.parametrize(
    ("scope", "type_name", "object_id", "parent"),
    [
        ("live", "invoice", "in_1", None),
        ("test/acct_1/acct_2", "customer", "a customer/é", None),
        ("test", "v2.billing.rate_card_rate", "rcdr_1", "rcd_1"),
        ("test", "cash_balance", "/v1/customers/cus_1/cash_balance", "cus_1"),
    ],
)
def test_process_reads_the_message_as_a_refresh_request(
    scope: str, type_name: str, object_id: str, parent: str | None
) -> None:
    message = read_message(refresh_message(scope, type_name, object_id, parent))
    assert isinstance(message, RefreshRequest)
    ref = ref_from_request(message)
    assert (str(ref.scope), ref.type, ref.id, ref.parent) == (scope, type_name, object_id, parent)


@pytest.mark.parametrize("object_id", ["../secrets", "a b", "é"])
def test_an_id_that_no_url_can_name_is_refused_here_and_not_in_quarantine(object_id: str) -> None:
    with pytest.raises(ReaderError, match="cannot be refreshed"):
        refresh_message("live", "invoice", object_id, None)
