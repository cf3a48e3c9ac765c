"""What a user's own code reads of objects that the table cannot hold."""

import asyncio
from dataclasses import replace

import pytest
from mypy_boto3_dynamodb import DynamoDBClient

from billing_mirror.adapters.table.dynamodb import DynamoMirror
from billing_mirror.core.object_ref import Scope, ref_to
from billing_mirror.core.table import items
from billing_mirror.core.table.items import Observation
from billing_mirror.core.table.unstorable import UnstorableNote
from billing_mirror.reader import Reader, Unstorable
from tests.doubles.samples import subscription

from .reader_engines import engine as engine

TEST = Scope(livemode=False)
TYPE = "v2.billing.rate_card_subscription"
NOON = 1_763_640_000.0
NOTE = UnstorableNote(TYPE, "rcds_1", "too large", "digest", "v", 3, NOON, fetched_at=NOON)
SHOWN = Unstorable(TYPE, "rcds_1", "too large", 3, None, "2025-11-20T12:00:00.000Z")


class Noted:
    """A table with notes, and the reader on it."""

    def __init__(self, client: DynamoDBClient, table: str) -> None:
        self._mirror = DynamoMirror(client, table)
        self.reader = Reader(table, scope="test", client=client)

    def note(self, *notes: UnstorableNote, scope: Scope = TEST) -> None:
        for note in notes:
            asyncio.run(self._mirror.note_unstorable(scope, note))

    def put(self, identifier: str, token: int, *, at: float = NOON) -> None:
        ref = ref_to(TEST, TYPE, identifier)
        item = items.item(ref, Observation(at, "v", "req_1", subscription(identifier), "digest"), None)
        asyncio.run(self._mirror.put(ref, token, item))

    def shown(self) -> list[Unstorable]:
        return [*self.reader.unstorable(TYPE)]


@pytest.fixture
def noted(table: tuple[DynamoDBClient, str]) -> Noted:
    return Noted(*table)


def test_an_object_that_was_never_mirrored(noted: Noted) -> None:
    noted.note(NOTE)
    assert noted.shown() == [SHOWN]


def test_an_older_state_is_stale(noted: Noted) -> None:
    noted.note(NOTE)
    noted.put("rcds_1", 2)
    assert noted.shown() == [replace(SHOWN, mirrored_token=2)]
    mirrored = noted.reader.get("rcds_1")
    assert mirrored is not None
    assert mirrored.token == 2


def test_an_object_whose_counter_was_lost_is_stale_unless_it_was_stored_since_by_any_clock(noted: Noted) -> None:
    noted.note(NOTE, replace(NOTE, id="rcds_2"))
    noted.put("rcds_1", 1, at=NOON + 600)
    noted.put("rcds_2", 1, at=NOON + 601)
    assert [one.id for one in noted.shown()] == ["rcds_1"]


@pytest.mark.parametrize("token", [3, 4])
def test_an_object_that_was_stored_since_is_left_out(noted: Noted, token: int) -> None:
    noted.note(NOTE, replace(NOTE, id="rcds_2"))
    noted.put("rcds_1", token)
    assert [one.id for one in noted.shown()] == ["rcds_2"]


def test_an_object_without_a_key_is_shown_under_its_name(noted: Noted) -> None:
    noted.note(replace(NOTE, id="a b", token=0, has_key=False))
    assert [(one.id, one.mirrored_token) for one in noted.shown()] == [("a b", None)]


def test_of_one_type_and_scope_in_pages(noted: Noted) -> None:
    noted.note(*(replace(NOTE, id=f"rcds_{number}") for number in range(3)), replace(NOTE, type="product"))
    noted.note(replace(NOTE, id="rcds_live"), scope=Scope(livemode=True))
    first = noted.reader.unstorable(TYPE).page(limit=2)
    assert [one.id for one in first] == ["rcds_2", "rcds_1"]
    second = noted.reader.unstorable(TYPE).page(limit=2, cursor=first.cursor)
    assert ([one.id for one in second], second.cursor) == (["rcds_0"], None)
