"""Changes of stored items by hand, beside the write rule: only a deep verify finds them."""

from collections.abc import Iterable
from random import Random

from billing_mirror.core.table.items import INDEX_COLUMNS, Item

SHARE = 0.5
"""Of the live items."""


def change_by_hand(items: Iterable[Item], random: Random) -> int:
    """Changes the body or an index column of some live items, or hides them from every index; returns how many."""
    live = [item for item in items if isinstance(item.get("data"), dict) and item.get("deleted") is not True]
    chosen = [item for item in live if random.random() < SHARE]
    for item in chosen:
        random.choice((_change_body, _change_column, _hide))(item, random)
    return len(chosen)


def _change_body(item: Item, random: Random) -> None:
    assert isinstance(item["data"], dict)
    item["data"] = {**item["data"], "by_hand": random.random() < SHARE}


def _change_column(item: Item, random: Random) -> None:
    item[random.choice([name for name in INDEX_COLUMNS if name != "created"])] = "by hand"


def _hide(item: Item, random: Random) -> None:  # noqa: ARG001 - called like the others
    del item["created"]
