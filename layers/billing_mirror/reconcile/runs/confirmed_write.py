"""A conditional write to the state store that recognizes its own earlier attempt."""

from billing_mirror.core.table.items import Item
from billing_mirror.reconcile.dependencies import ReconcileDependencies


async def confirmed_write(
    dependencies: ReconcileDependencies,
    partition: str,
    sort_key: str,
    entry: Item,
    *,
    if_absent: bool = False,
    expected: Item | None = None,
) -> bool:
    """Writes an entry where the condition holds; True also when the same entry is already stored.

    The AWS client repeats a write whose answer is lost. The condition then refuses the repetition, although the first
    attempt was stored.
    """
    store, scope = dependencies.state_store, dependencies.scope
    if await store.write(scope, partition, sort_key, entry, if_absent=if_absent, expected=expected):
        return True
    # The whole entry, not only its time: another tick may have written in the same millisecond.
    return await store.last(scope, partition, sort_key) == entry
