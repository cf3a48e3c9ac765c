"""The table's stream, the event bus and the history, in memory."""

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy

from billing_mirror.adapters.table.attributes import stored_object
from billing_mirror.changes.dependencies import RawRecord
from billing_mirror.core import json_body
from billing_mirror.core.changes.history import Entry
from billing_mirror.core.changes.stream_record import StreamRecord
from billing_mirror.core.errors import TransientError
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope, stored_ref
from billing_mirror.core.table.items import INDEX_COLUMNS, Item, Observation, id_in, item, tombstone
from billing_mirror.ports import BusEvent, Mirror

BEGINNING = 1_700_000_000.0
STREAM = "2026-01-01T00:00:00.000"


class StreamedItems(dict[str, Item]):
    """The objects of a table with a stream: each write of one adds a record."""

    def __init__(self, items: Mapping[str, Item] | None = None, records: Sequence[StreamRecord] = ()) -> None:
        super().__init__(items or {})
        self.records = [*records]

    def __setitem__(self, key: str, item: Item) -> None:
        before = self.get(key)
        # Copies: a hand may change the stored item.
        self.records.append(
            StreamRecord(
                sequence=str(len(self.records)),
                key=key,
                before=stored_object({**before}) if before is not None else None,
                after=stored_object({**item}),
            )
        )
        super().__setitem__(key, item)

    def __deepcopy__(self, memo: dict[int, object]) -> "StreamedItems":
        """The table as a backup has it, with the records up to then."""
        return StreamedItems(deepcopy(dict(self), memo), self.records)


async def note_what_leaves(mirror: Mirror, before: Item | None, item: Item) -> None:
    """As the mirror does before it writes an item over another one."""
    customer = before.get("customer") if before else None
    if isinstance(customer, str) and customer != item.get("customer"):
        ref = stored_ref(Scope(livemode=False), str(item["type"]), id_in(item))
        await mirror.note_left(ref, customer=customer, removed=item.get("deleted") is True)


def raw(record: StreamRecord) -> RawRecord:
    """A record as it is passed on here."""
    return {"record": record}


def read_raw(given: RawRecord) -> StreamRecord:
    record = given["record"]
    if isinstance(record, Exception):
        raise record
    assert isinstance(record, StreamRecord)
    return record


def sequence_of_raw(given: RawRecord) -> str:
    return str(given["sequence"] if "sequence" in given else read_raw(given).sequence)


class MemoryBus:
    """Implements ``ports.EventBus``. While ``down`` it takes nothing; never what a test says that it ``refuses``."""

    def __init__(self) -> None:
        self.events: list[BusEvent] = []
        self.requests: list[int] = []
        """How many events each request had."""
        self.down = False
        self.refuses: Callable[[BusEvent], bool] = lambda _: False

    async def put(self, events: Sequence[BusEvent]) -> Sequence[str]:
        if self.down:
            raise TransientError("the bus is down")
        self.requests.append(len(events))
        taken = [not self.refuses(event) for event in events]
        self.events += [event for event, one in zip(events, taken, strict=True) if one]
        return ["" if one else "the bus is busy" for one in taken]


class MemoryHistory:
    """Implements ``ports.HistoryStore``. It fails while it ``is_down``."""

    def __init__(self) -> None:
        self.items: dict[str, dict[str, Item]] = {}
        """By key and sort key; of an emptied entry only its end is left."""
        self.is_down: Callable[[], bool] = lambda: False

    async def keep(self, key: str, entry: Entry) -> None:
        self._require_up()
        self.items.setdefault(key, {})[entry.sort_key] = entry.to_item()

    async def empty(self, key: str, now: float) -> bool:
        """Two at most: each longer history takes several calls."""
        self._require_up()
        filled = [at for at, item in self.items.get(key, {}).items() if "state" in item or "former_z" in item]
        self.items.get(key, {}).update({at: {"expires_at": int(now)} for at in filled[:2]})
        return len(filled) < 2

    def entries(self, key: str) -> list[Entry]:
        """The entries of an object that are not empty, in the order of tokens."""
        found = (Entry.from_item(item) for _, item in sorted(self.items.get(key, {}).items()))
        return [entry for entry in found if entry is not None]

    def _require_up(self) -> None:
        if self.is_down():
            raise TransientError("the table is down")


def live(
    body: JsonObject,
    token: int = 1,
    *,
    customer: str | None = "cus_1",
    event: str = "",
    member_lists: Mapping[str, tuple[JsonObject, ...]] | None = None,
) -> Item:
    """The item of a live object, fetched ``token`` minutes after the beginning; an ``event`` announced it before."""
    fetched_at = BEGINNING + 60.0 * token
    seen = Observation(
        fetched_at,
        "v",
        "req_1",
        body,
        json_body.digest(body),
        member_lists=member_lists or {},
        last_event_at=fetched_at - 5.0 if event else 0.0,
        last_event_ids=(event,) if event else (),
    )
    return {**item(ref_of(body), seen, customer), "token": token}


def removed(held: Item, token: int) -> Item:
    """The item after its object was removed: a tombstone with the last body."""
    ref = stored_ref(Scope(livemode=False), str(held["type"]), id_in(held))
    seen = Observation(BEGINNING + 60.0 * token, "v", "req_2")
    kept = {name: value for name, value in held.items() if name not in INDEX_COLUMNS}
    return {**kept, **tombstone(seen, ref, former_customer="cus_1"), "token": token}


def ref_of(body: JsonObject) -> ObjectRef:
    return stored_ref(Scope(livemode=False), str(body["object"]), str(body["id"]))
