"""Which other objects must follow when an object moves to another customer."""

import asyncio

from billing_mirror.core import catalog
from billing_mirror.core.catalog import Reference
from billing_mirror.core.errors import PermanentError
from billing_mirror.core.events.messages import RefreshRequest
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table.mirror_state import READ_LAG, Head
from billing_mirror.ports import Mirror

from .follow_ups import FollowUps
from .references import customer_or_owner


async def enqueue_dependants(
    ref: ObjectRef,
    head: Head | None,
    customer: str | None,
    mirror: Mirror,
    follow_ups: FollowUps,
) -> None:
    """Queues a refresh of the objects that take their customer from this one, where its customer has changed.

    The index of their parent finds them where that is this object, else the index of the old customer: without one,
    they are left to verify. They are refreshed after a minute: this object is written by then.
    """
    if head is None or head.customer == customer:
        return
    requests = [
        RefreshRequest(
            livemode=one.scope.livemode,
            context=one.scope.context,
            type=one.type,
            id=one.id,
        )
        for type_name in catalog.DEPENDANTS.get(ref.type, ())
        for one in await _dependants(ref, type_name, head.customer, mirror)
    ]
    group = f"{ref.scope}:repair"
    await asyncio.gather(*(follow_ups.send(one, group=group, delay=int(READ_LAG)) for one in requests))


async def _dependants(ref: ObjectRef, type_name: str, customer: str | None, mirror: Mirror) -> list[ObjectRef]:
    """The objects of a type whose bodies name this object as their owner; ``customer`` is the old one."""
    object_type = catalog.TYPES[type_name]
    owner = object_type.customer
    if isinstance(owner, Reference) and owner.path == object_type.parent:
        ids = mirror.children(ref.scope, ref.id, type_name)
    elif customer is not None:
        ids = mirror.ids_of_customer(ref.scope, customer, type_name)
    else:
        return []
    found = [ref.in_same_scope(type_name, one) async for one in ids]
    return [one for one in found if await _depends_on(one, ref, mirror)]


async def _depends_on(one: ObjectRef, owner: ObjectRef, mirror: Mirror) -> bool:
    try:
        body = await mirror.body(one)
        named = customer_or_owner(one, body) if body is not None else None
    except PermanentError:
        return False  # it names an owner by an id that no Stripe id can be, or the table holds no readable body
    return isinstance(named, ObjectRef) and named.key == owner.key
