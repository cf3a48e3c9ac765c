"""Workers: containers of process, and concurrent reconcile runs."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress

from billing_mirror.core.errors import TransientError
from billing_mirror.core.events.messages import Notification, read_message
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.runs.run import Job
from billing_mirror.core.runs.run_request import RunRequest
from billing_mirror.core.runs.schedule import RECOVER
from billing_mirror.ports import Mirror
from billing_mirror.process.batch import process_batch
from billing_mirror.process.messages import MessageResult, ProcessDependencies, ReceivedMessage
from billing_mirror.reconcile.tick import run_on_demand
from billing_mirror.refresh.claims import BEHIND

from .aws import UnreliableMirror, UnreliableQueue
from .container import MARGIN, Container
from .environment import Environment
from .faults import Consequence, Fault

TIME = 50.0
"""Seconds that a worker has for a batch."""
SPARE = 10.0
"""Maximum seconds that it has beyond its deadline."""
RUN_TIME = 600.0
SOON = 20.0
"""Maximum seconds between the creation of an object and a reconcile run."""
SOON_ENOUGH = 3.0
"""The same, so short that a list may show the object before a GET does."""
MAX_RUNS = 3


class Worker:
    """Containers of process, one after the other, on one machine."""

    def __init__(self, name: str, environment: Environment) -> None:
        self._name = name
        self._environment = environment
        self._dice = environment.dice
        self._skew = environment.skew()

    async def work(self) -> None:
        """Processes batches until it is cancelled."""
        while True:
            container = self._environment.container(self._name, skew=self._skew)
            queue = self._environment.queue_of(container)
            self._give_up_old_messages()
            batch = queue.receive(self._dice.random.randint(1, self._environment.workload.batch))
            if not batch:
                await self._environment.queue.wait()
            else:
                await self._work_on(batch, container, queue)
            if self._environment.workload.idle:
                await asyncio.sleep(self._dice.delay(self._environment.workload.idle))

    async def _work_on(self, batch: Sequence[ReceivedMessage], container: Container, queue: UnreliableQueue) -> None:
        budget = self._environment.budget(container)
        at_work = self._environment.queue.at_work
        at_work.update(one.message_id for one in batch)
        account = self._environment.account(container)
        ports = self._environment.ports(container, budget, account, tries_again=True)
        pause = self._environment.workload.coalescing
        dependencies = ProcessDependencies(ports, MARGIN, account, pause=pause)

        async def work() -> None:
            ended = await process_batch(batch, dependencies, deadline=container.now() + TIME)
            self._note_wrong_outcomes(ended, dependencies.ports.mirror)
            await container.io("delete")
            self._acknowledge(ended, queue)

        most = TIME + self._dice.seconds(SPARE) if self._dice.strikes(Fault.OUT_OF_TIME) else None
        await container.run(work(), most=most)
        at_work -= {one.message_id: 1 for one in batch}

    def _note_wrong_outcomes(self, ended: Sequence[MessageResult], mirror: Mirror) -> None:
        assert isinstance(mirror, UnreliableMirror)
        for one in ended:
            refused = one.outcome is Outcome.SUPERSEDED or one.reason == BEHIND
            if refused and one.item.ref is not None and mirror.was_written(one.item.ref):
                self._environment.result.wrong.setdefault("refused by itself", []).append(one.item.ref.key)

    def _acknowledge(self, ended: Sequence[MessageResult], queue: UnreliableQueue) -> None:
        if len({one.retry for one in ended}) == 2:
            self._dice.counts[Consequence.BATCH_IN_PART] += 1
        for one in ended:
            self._environment.say(f"{self._name}: {one.item.received.message_id} {one.outcome} {one.reason}")
            self._environment.result.outcomes[one.outcome] += 1
            if not one.retry:
                if isinstance(one.item.message, Notification):
                    self._environment.ended.add(one.item.message.id)
                queue.delete(one.item.received.receipt)

    def _give_up_old_messages(self) -> None:
        for old in self._environment.queue.take_expired():
            self._dice.counts[Consequence.EXPIRED] += 1
            message = read_message(old.body)
            if isinstance(message, Notification):
                self._environment.ended.add(message.id)


class ReconcileRuns:
    """Reconcile runs for types of which an object was just created; the lease serializes them."""

    def __init__(self, environment: Environment) -> None:
        self._environment = environment
        self._dice = environment.dice
        self._tasks: list[asyncio.Task[None]] = []
        self._created_types: dict[str | None, list[str]] = {}
        """By account, the types with an object created since their last run."""

    def object_created(self, type_name: str, context: str | None) -> None:
        """May start a reconcile run of the account soon."""
        self._created_types.setdefault(context, []).append(type_name)
        if len(self._tasks) < MAX_RUNS and self._dice.random.random() < self._environment.workload.reconcile_chance:
            self._tasks.append(asyncio.ensure_future(self._pass(context)))

    async def all_ended(self) -> None:
        await asyncio.gather(*self._tasks)

    async def _pass(self, context: str | None) -> None:
        soon = self._dice.random.random() < 0.5
        await asyncio.sleep(self._dice.seconds(SOON_ENOUGH) if soon else self._dice.delay(SOON))
        job = self._dice.random.choice((Job.VERIFY, Job.VERIFY, Job.VERIFY, Job.BACKFILL, Job.RECOVER))
        names = [RECOVER] if job is Job.RECOVER else self._take_types(context)
        if not names:
            return  # another run took them
        container = self._environment.container("pass", skew=self._environment.skew())
        dependencies = self._environment.dependencies(container, self._environment.budget(container, of_reconcile=True))
        dependencies = dependencies.within(context)

        async def work() -> None:
            with suppress(TransientError):  # the table was throttled: the function ends, and the next tick resumes
                request = RunRequest(tuple((name, job) for name in names))
                await run_on_demand(request, dependencies, deadline=container.now() + RUN_TIME)

        await container.run(work())

    def _take_types(self, context: str | None) -> list[str]:
        return list(dict.fromkeys(self._created_types.pop(context, [])))
