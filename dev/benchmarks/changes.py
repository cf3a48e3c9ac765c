"""How many bytes does a change take? Counted on an object with every field that Stripe shows of its type."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from billing_mirror.adapters.table.attributes import stored_object
from billing_mirror.core import json_body
from billing_mirror.core.changes.change import Change, change_between, detail
from billing_mirror.core.changes.history import entry
from billing_mirror.core.object_ref import Scope, stored_ref
from billing_mirror.core.table.items import Item, Observation, item

SAMPLES = Path(__file__).parents[2] / "tests" / "samples"
TYPES = (
    "customer",
    "invoice",
    "price",
    "subscription",
    "v2.billing.cadence",
    "v2.billing.rate_card",
    "v2.billing.rate_card_subscription",
)
FETCHED_AT = 1_795_000_000.0


@dataclass(frozen=True)
class Cost:
    """Bytes of an object's body, of the events of its creation and of an update, and of the entry of that update."""

    type: str
    body: int
    created: int
    updated: int
    entry: int

    @property
    def columns(self) -> str:
        """A line of the table in docs/cost.md."""
        return f"| `{self.type}` | {self.body:,} | {self.created:,} | {self.updated:,} | {self.entry:,} |"


def costs() -> Iterator[Cost]:
    for name in TYPES:
        body = json_body.parse((SAMPLES / f"{name}.json").read_text())
        first = item_of(body, 1)
        second = item_of({**body, "metadata": {"plan": "gold"}}, 2)
        created, updated = _change(None, first), _change(first, second)
        made = entry(updated.before, updated.after, updated, days=400)
        kept = _item_size(made.to_item()) if made is not None else 0
        yield Cost(name, len(json_body.write(body)), _size(created), _size(updated), kept)


def item_of(body: json_body.JsonObject, token: int) -> Item:
    ref = stored_ref(Scope(livemode=True), str(body["object"]), str(body["id"]))
    seen = Observation(FETCHED_AT + token, "2026-10-14.preview", "req_1", body, json_body.digest(body))
    return {**item(ref, seen, "cus_1"), "token": token}


def _change(before: Item | None, after: Item) -> Change:
    change = change_between(stored_object(before) if before else None, stored_object(after))
    if change is None:
        raise ValueError("the two items show the same state")
    return change


def _size(change: Change) -> int:
    return len(json_body.write(detail(change)))


def _item_size(made: Item) -> int:
    return sum(
        len(name) + (len(value) if isinstance(value, bytes) else len(str(value))) for name, value in made.items()
    )


if __name__ == "__main__":
    print(*(one.columns for one in costs()), sep="\n")
