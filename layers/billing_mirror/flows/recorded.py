"""A pass of reconcile that ends in time, and leaves a record of what it found."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import TypeAlias

from billing_mirror.core.errors import Gone, NotShown, Refused, Retryable
from billing_mirror.core.run import Run
from billing_mirror.core.subject import Scope

from .one_subject import World
from .patient import PatientStripe

Pass: TypeAlias = Callable[[Scope, World, Run], Awaitable[None]]


async def recorded(type_name: str, one_pass: Pass, world: World, *, deadline: float) -> Run:
    """Makes a pass over the key's own account. Ends by ``deadline`` (seconds since 1970), complete or not."""
    world = replace(world, stripe=PatientStripe(world.stripe, world.clock))
    scope = Scope(world.stripe.livemode)
    run = Run(type_name, started_at=world.clock.now())
    try:
        async with asyncio.timeout(deadline - world.clock.now()):
            await one_pass(scope, world, run)
        run.complete = True
    except TimeoutError:
        run.reason = "the function ran out of time"
    except NotShown as error:
        run.reason, run.refused = str(error), True
    except (Refused, Retryable, Gone) as error:
        run.reason = str(error)
    except Exception as error:  # noqa: BLE001 - one type's failure must not keep the others from their pass
        run.reason = f"unforeseen {type(error).__name__}"
    run.finished_at = world.clock.now()
    try:
        await world.mirror.record(scope, f"run:{type_name}", run.started_at, run.entry())
    except Exception as error:  # noqa: BLE001 - and neither must a record that the table does not take
        run.complete = False
        said = str(error) if isinstance(error, Retryable) else f"unforeseen {type(error).__name__}"
        run.reason = run.reason or f"the record could not be kept: {said}"
    return run
