"""One schedule: Stripe, its webhooks, the queue, some workers and a pass of reconcile, all at once, as a seed decides.

What runs are the real flows. Around them everything is simulated; see ``loop.py``.
"""

import asyncio
import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

import stripe

from billing_mirror.adapters.signature import verify
from billing_mirror.core import body as bodies
from billing_mirror.core.body import JsonObject
from billing_mirror.core.catalog import RECONCILED, TYPES
from billing_mirror.core.notification import Notification
from billing_mirror.core.subject import Scope, key
from billing_mirror.flows.accept import Door, accept
from billing_mirror.flows.batch import Desk, Ended
from billing_mirror.flows.one_subject import World
from billing_mirror.flows.reconcile import reconcile
from billing_mirror.flows.refresh import refresh
from tests.doubles.mirror import MemoryMirror

from .aws import UnreliableMirror, UnreliableQueue, WakingQueue
from .business import Business
from .container import MARGIN, Container, Trace
from .faults import Dice, Fault
from .loop import Endless, SimulatedLoop
from .stripe import SimulatedStripe, StripeState, Thing

WORKERS = 3
DAY = 86400.0
TYPES_HERE = frozenset(
    {
        "customer",
        "invoice",
        "product",
        "v2.billing.cadence",
        "v2.billing.rate_card",
        "v2.billing.rate_card_rate",
        "v2.billing.rate_card_subscription",
        "v2.billing.rate_card_version",
    }
)
SECRETS = ("whsec_old", "whsec_new")
CONTEXTS: Sequence[Sequence[str | None]] = ((None,), (None,), (None, "acct_1"))
"""Whose objects there are: mostly the key's own, and in some schedules a connected account's of the same ids."""


@dataclass
class Result:
    """What came of a schedule. ``wrong`` are the objects that are not as they must be, by how they are wrong."""

    seed: int
    losing: bool
    wrong: dict[str, list[str]] = field(default_factory=dict)
    struck: Counter[Fault] = field(default_factory=Counter)
    outcomes: Counter[str] = field(default_factory=Counter)
    steps: int = 0


class Secrets:
    """Implements ``flows.ports.SigningSecrets``: what is known may be older than what Stripe signs with."""

    def __init__(self) -> None:
        self.known: Sequence[str] = SECRETS[:1]
        self.stored: Sequence[str] = SECRETS[:1]

    async def current(self) -> Sequence[str]:
        return self.known

    async def refreshed(self) -> Sequence[str]:
        self.known = self.stored
        return self.known


class Schedule:
    def __init__(self, seed: int, *, losing: bool, trace: Trace | None = None) -> None:
        self.seed, self.losing = seed, losing
        self.dice = Dice(seed, losing=losing)
        # Nobody needs its sockets and signals.
        self.loop = SimulatedLoop(self.dice.random)  # type: ignore[abstract]
        self.trace: Trace | None = self._say if trace else None
        self._told = trace
        self.state = StripeState()
        self.mirror = MemoryMirror()
        self.result = Result(seed, losing)
        self._events = 0
        self._accepted: set[str] = set()
        self._ended: set[str] = set()
        self._posts: set[asyncio.Task[None]] = set()
        self._secrets = Secrets()

    def run(self) -> Result:
        try:
            self.loop.run(self._all())
        except Endless as error:
            self.result.wrong["stuck"] = [str(error)]
        self.result.struck = self.dice.counts
        self.result.steps = self.loop.steps
        return self.result

    def _say(self, what: str) -> None:
        if self._told:
            self._told(f"{self.loop.time():12.3f} {what}")

    # ---- the order of things

    async def _all(self) -> None:
        self.clock = Container(self.dice, self.trace, "sqs")
        self.clock.skew = 0.0
        self.queue = WakingQueue(self.clock)
        workers = [asyncio.ensure_future(self._work(f"worker {number}")) for number in range(WORKERS)]
        passing = asyncio.ensure_future(self._pass_in_between())
        await asyncio.gather(*(self._live(context) for context in self.dice.random.choice(CONTEXTS)))
        while self._posts:
            await asyncio.gather(*self._posts)
        await asyncio.sleep(DAY)
        self.dice.calm = True
        await passing
        await self._settle()
        if self.losing:
            await self._reconcile_once()
        self._judge()
        for worker in workers:
            worker.cancel()

    async def _live(self, context: str | None) -> None:
        business = Business(self.state, context, self.dice.random, self.clock.now, lambda *told: self._tell(*told))
        business.open()
        for _ in range(self.dice.random.randint(1, 5)):
            await asyncio.sleep(self.dice.seconds(30.0))
            business.step()
            if self.dice.random.random() < 0.1:
                self._secrets.stored = SECRETS

    async def _settle(self) -> None:
        for _ in range(400):
            if not self.queue.waiting:
                return
            await asyncio.sleep(DAY / 24)
        self.result.wrong["stuck"] = [message.body for message in self.queue.waiting]

    async def _reconcile_once(self) -> None:
        """After a claim that never ended is dead, in each account: reconcile itself knows of the key's own only."""
        await asyncio.sleep(7200.0)
        world = self._world(Container(self.dice, self.trace, "reconcile"))
        names = {
            str((thing.states[-1][1] or thing.states[0][1] or {})["object"]) for thing in self.state.things.values()
        }
        for row in RECONCILED:
            if row.name in names:
                await reconcile(row, world, deadline=self.clock.now() + 600)
        await self._settle()

    async def _pass_in_between(self) -> None:
        """Passes while everything is going on, and going wrong."""
        here = [row for row in RECONCILED if row.name in TYPES_HERE]
        for row in self.dice.random.sample(here, 3):
            await asyncio.sleep(self.dice.seconds(20.0))
            container = Container(self.dice, self.trace, "pass")
            await container.run(reconcile(row, self._world(container), deadline=container.now() + 600))

    # ---- Stripe's webhooks

    def _tell(self, event_type: str, thing: Thing) -> None:
        self._events += 1
        event = self._event(f"evt_{self._events}", event_type, thing)
        self._say(f"{event_type} of {thing.path} in {thing.context}: {event['id']}")
        if self.dice.strikes(Fault.EVENT_NEVER_MADE):
            return
        body = thing.now or thing.states[-2][1] or {}
        data: JsonObject = {name: body[name] for name in ("rate_card", "rate_card_id") if name in body}
        self.state.events[thing.context, str(event["id"])] = {**event, "data": data}
        if self.dice.strikes(Fault.EVENT_LOST):
            return
        copies = [event] * (2 if self.dice.strikes(Fault.EVENT_TWICE) else 1)
        if self.dice.strikes(Fault.OTHER_MODE):
            copies.append({**event, "id": f"{event['id']}_live", "livemode": True})
        for copy in copies:
            post = asyncio.ensure_future(self._post(str(copy["id"]), json.dumps(copy)))
            self._posts.add(post)
            post.add_done_callback(self._posts.discard)

    def _event(self, identifier: str, event_type: str, thing: Thing) -> JsonObject:
        body = thing.now or thing.states[-2][1] or {}
        path = thing.path
        if "rate_cards/rcd_1/" in path and self.dice.random.random() < 0.5:
            path = path.replace("/rcd_1/", "/:rate_card_id/")
        return {
            "object": "v2.core.event",
            "id": identifier,
            "type": event_type,
            "created": datetime.fromtimestamp(self.clock.now(), UTC).isoformat(),
            "livemode": False,
            "context": thing.context,
            "related_object": {"id": body["id"], "type": body["object"], "url": path},
        }

    async def _post(self, event_id: str, text: str) -> None:
        await asyncio.sleep(self.dice.seconds(3 * DAY if self.dice.strikes(Fault.EVENT_LATE) else 3.0))
        for attempt in range(60):
            container = Container(self.dice, self.trace, "ingest")
            door = Door(self.clock, UnreliableQueue(self.queue, self.dice, container.io), self._secrets, verify)
            secret = self.dice.random.choice(self._secrets.stored)
            header = stripe.WebhookSignature.generate_signature_header(text, secret, int(self.clock.now()))
            answered: list[int] = []

            async def answer(door: Door = door, header: str = header, answered: list[int] = answered) -> None:
                answered.append((await accept(text.encode(), header, door)).status)

            if await container.run(answer()) and answered == [200]:
                self._accepted.add(event_id)
                if not self.dice.strikes(Fault.ANSWER_LOST):
                    return
            await asyncio.sleep(min(2.0**attempt, 3600.0))
        raise AssertionError("Stripe gave up on an event")

    # ---- the functions

    def _world(self, container: Container) -> World:
        return World(
            container,
            UnreliableMirror(self.mirror, self.dice, container.io),
            SimulatedStripe(self.state, self.dice, self.clock.now, container.io),
            UnreliableQueue(self.queue, self.dice, container.io),
        )

    async def _work(self, name: str) -> None:
        while True:
            container = Container(self.dice, self.trace, name)
            queue = UnreliableQueue(self.queue, self.dice, container.io)
            batch = queue.receive(self.dice.random.randint(1, 10))
            if not batch:
                await self.queue.wait()
                continue
            ended: list[Ended] = []

            async def work(container: Container = container, ended: list[Ended] = ended) -> None:
                ended += await refresh(batch, Desk(self._world(container), MARGIN), deadline=container.now() + 50.0)  # noqa: B023

            if not await container.run(work()):
                continue
            for one in ended:
                self._say(f"{name}: {one.task.received.message_id} {one.outcome} {one.reason}")
                self.result.outcomes[one.outcome] += 1
                if not one.later:
                    if isinstance(one.task.message, Notification):
                        self._ended.add(one.task.message.id)
                    queue.delete(one.task.received.receipt)

    # ---- the verdict

    def _judge(self) -> None:
        for thing in self.state.things.values():
            first = thing.states[0][1] or {}
            scope = Scope(livemode=False, context=thing.context)
            name = key(str(scope), TYPES[str(first["object"])], str(first["id"]))
            problem = self._problem(thing, name)
            # Of other accounts reconcile knows nothing: what is lost there is lost.
            if problem and not (self.losing and thing.context):
                self.result.wrong.setdefault(problem, []).append(name)
        self.result.wrong |= {
            kind: names
            for kind, names in (
                ("crossed", [name for name in self.mirror.objects if not name.startswith("test")]),
                ("quarantined", [] if self.losing else self._healthy_in_quarantine()),
                ("without an outcome", sorted(self._accepted - self._ended)),
            )
            if names
        }

    def _healthy_in_quarantine(self) -> list[str]:
        return [f"{reason}: {body}" for body, reason in self.queue.quarantined if "live or test" not in reason]

    def _problem(self, thing: Thing, name: str) -> str | None:
        item = self.mirror.objects.get(name)
        held = item is not None and item.get("deleted") is not True
        if thing.now is None:
            return "resurrected" if held else None
        if item is None or not held:
            return "lost"
        data = item.get("data")
        if not isinstance(data, dict) or data.get("account") != thing.context:
            return "crossed"
        if bodies.canonical(data) != bodies.canonical(thing.now):
            return "stale"
        customer = (
            "cus_1" if thing.now["object"] in ("invoice", "v2.billing.rate_card_subscription") else item.get("customer")
        )
        return None if item.get("customer") == customer else "stale index"
