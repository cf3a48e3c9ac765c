"""Process notes the connected accounts whose events it receives."""

from billing_mirror.core.events.messages import RefreshRequest, write_message
from billing_mirror.core.object_ref import Scope
from billing_mirror.core.runs.connected import PARTITION, ConnectedAccount
from billing_mirror.core.table.items import Item
from tests.doubles.samples import subscription_event
from tests.unit.harness import Harness

TEST = Scope(livemode=False)


async def noted(harness: Harness) -> list[Item]:
    return [entry async for entry in harness.state_store.entries(TEST, PARTITION)]


async def test_the_account_of_an_event_is_noted(stocked: Harness) -> None:
    await stocked.deliver(
        subscription_event(id="evt_1", context="acct_1/acct_2"),
        subscription_event(id="evt_2", context="acct_3"),
        subscription_event(id="evt_3"),
    )
    assert [str(entry["context"]) for entry in await noted(stocked)] == ["acct_1/acct_2", "acct_3"]


async def test_what_reconcile_knows_of_an_account_stays(stocked: Harness) -> None:
    known = ConnectedAccount("acct_1", due_at=1_700_000_000.0, revoked_at=1_600_000_000.0).to_item()
    await stocked.state_store.write(TEST, PARTITION, "acct_1", known)
    await stocked.deliver(subscription_event(context="acct_1"))
    assert await noted(stocked) == [known]


async def test_events_of_the_other_mode_and_unusable_ones_note_nothing(stocked: Harness) -> None:
    await stocked.deliver(
        subscription_event(context="acct_1", livemode=True),
        subscription_event(context="acct_2", type="v2.core.event_destination.ping"),
        subscription_event(context="cus_1"),
        "nonsense",
    )
    assert await noted(stocked) == []


async def test_only_events_prove_that_an_account_is_connected(stocked: Harness) -> None:
    """A refresh request may name an account that has revoked its access long ago."""
    request = RefreshRequest(livemode=False, type="customer", id="cus_1", context="acct_1")
    await stocked.deliver(write_message(request))
    assert await noted(stocked) == []


async def test_an_account_is_written_once_in_a_container(stocked: Harness) -> None:
    dependencies = stocked.process_dependencies
    assert dependencies.note_accounts is not None
    items = [one.item for one in await stocked.deliver(subscription_event(context="acct_1"))]
    await dependencies.note_accounts(items)
    stocked.state_store.partitions.clear()
    await dependencies.note_accounts(items)
    assert await noted(stocked) == []


async def test_a_busy_table_delays_the_note_and_no_message(stocked: Harness) -> None:
    dependencies = stocked.process_dependencies
    assert dependencies.note_accounts is not None
    items = [one.item for one in await stocked.deliver(subscription_event(context="acct_1"))]
    stocked.state_store.partitions.clear()
    stocked.state_store.down = True
    await dependencies.note_accounts(items)
    stocked.state_store.down = False
    assert await noted(stocked) == []
    await dependencies.note_accounts(items)
    assert [entry["context"] for entry in await noted(stocked)] == ["acct_1"]
