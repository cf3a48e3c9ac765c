"""Planted defects: what the code must not do, each as a small change of its text.

A defect is made in a copy of the source, and schedules are run on that copy in a process of their own, until one of
them ends wrong. The shipped code knows nothing of it. Where the table itself is to blame, the double is changed that
the contract suite holds equal to the real one.
"""

from dataclasses import dataclass

ONE = "billing_mirror/refresh/apply.py"
REFRESH = "billing_mirror/process/batch.py"
RECONCILE = "billing_mirror/reconcile/verify.py"
DECIDE = "billing_mirror/reconcile/repair.py"
FILL = "billing_mirror/reconcile/backfill.py"
EVENTS = "billing_mirror/reconcile/recover.py"
OBSERVE = "billing_mirror/refresh/fetch.py"
SUSPECT = "billing_mirror/refresh/related_objects.py"
SETTLE = "billing_mirror/process/settle.py"
ACCEPT = "billing_mirror/ingest/accept.py"
BATCH = "billing_mirror/process/messages.py"
KNOWN = "billing_mirror/core/mirror_state.py"
SUBJECT = "billing_mirror/core/object_ref.py"
DRIFT = "billing_mirror/core/drift.py"
PACE = "billing_mirror/core/rate_limiter.py"
TABLE = "tests/doubles/mirror.py"


@dataclass(frozen=True, slots=True)
class Edit:
    """``old``, which must be in the file just once, becomes ``new``."""

    file: str
    old: str
    new: str


@dataclass(frozen=True, slots=True)
class Defect:
    """``what`` is done wrong, by which changes. A ``quick`` one is caught within a few seeds."""

    what: str
    edits: tuple[Edit, ...]
    quick: bool = False


def defect(what: str, file: str, old: str, new: str, *more: Edit, quick: bool = False) -> Defect:
    return Defect(what, (Edit(file, old, new), *more), quick)


CLAIM = """    token = await world.mirror.claim(subject, claimed_at)
    return token, await observe(subject, world.stripe, world.clock, event=event)
"""
TIMED = """    await world.mirror.claim(subject, claimed_at)
{}    token = int(world.clock.now() * 1000)
{}    return token, observation
"""
LOOK = "    observation = await observe(subject, world.stripe, world.clock, event=event)\n"

ORDER = (
    defect(
        "the claim is taken after the fetch",
        ONE,
        CLAIM,
        f"{LOOK}    return await world.mirror.claim(subject, claimed_at), observation\n",
    ),
    defect("the version is a local clock's time before the fetch", ONE, CLAIM, TIMED.format("", LOOK)),
    defect("the version is a local clock's time after the fetch", ONE, CLAIM, TIMED.format(LOOK, "")),
    defect(
        "the version is the event's time, in seconds",
        REFRESH,
        "    observation = replace(observation, told_at=",
        "    token = int(max(_happened_at(task) for task in tasks))\n    observation = replace(observation, told_at=",
    ),
    defect(
        "a claim that is on its way is used by a second fetch",
        TABLE,
        "        claim = Claim((before.claimed if before else 0) + 1, now)",
        "        last, shown = before.claimed if before else 0, self.objects.get(subject.key, {}).get('token', 0)\n"
        "        claim = Claim(last if isinstance(shown, int) and last > shown else last + 1, now)",
    ),
)

WRITE = (
    defect(
        "the write has no condition", TABLE, 'return held is None or _integer(held, "token") < token', "return True"
    ),
    defect(
        "a tombstone is written without a condition",
        TABLE,
        "            return False\n        kept =",
        "            pass\n        kept =",
    ),
    defect("a 404 leaves no tombstone", ONE, "buried = await world.mirror.bury(", "buried = True or ("),
    defect(
        "what is gone is deleted from the table, and its token with it",
        TABLE,
        '        self.objects[subject.key] = {**kept, **tombstone, "token": token}',
        "        self.objects.pop(subject.key, kept)",
    ),
    defect(
        "what is gone is never revived",
        TABLE,
        "        self._require_up()\n        if self.writes_fail:",
        '        self._require_up()\n        if self.objects.get(subject.key, {}).get("deleted"):\n'
        "            return False\n        if self.writes_fail:",
    ),
    defect(
        "what is unchanged is not written",
        ONE,
        "    if not await world.mirror.put(",
        "    if head is not None and _shows(head, item):\n        return Outcome.UNCHANGED\n"
        "    if not await world.mirror.put(",
    ),
    defect(
        "a table that is busy is taken to have written",
        ONE,
        "    if not await world.mirror.put(subject, token, item):\n        return Outcome.SUPERSEDED\n",
        "    try:\n        if not await world.mirror.put(subject, token, item):\n"
        "            return Outcome.SUPERSEDED\n"
        "    except Retryable:\n        return Outcome.STORED\n",
    ),
)

MAY_BE_THERE = "    return difference not in (Difference.NOT_LISTED, Difference.NO_LIST) or abs(now - made) < READ_LAG"

NOT_SHOWN = (
    defect(
        "any 404 is a deletion at once",
        REFRESH,
        "    if observation.body is None:\n        await _require_gone(",
        "    if False:\n        await _require_gone(",
    ),
    defect(
        "only a creation is waited for",
        REFRESH,
        "    return made or (bool(young) and not any(_tells_of_the_end(task) for task in tasks))",
        "    return made",
    ),
    defect(
        "what was just made is gone where a list of others lacks it",
        REFRESH,
        "    if young_for := await _young_for(subject, tasks, now, world):",
        "    if young_for := 0.0:",
    ),
    defect(
        "a tombstone that reconcile has made of what it saw on a list absorbs news of any kind",
        REFRESH,
        "    if head is not None and head.deleted and not all(",
        "    if False and not all(",
        Edit(DECIDE, MAY_BE_THERE, "    return abs(now - made) < READ_LAG"),
    ),
    defect(
        "reconcile buries what it has just seen on a list",
        DECIDE,
        MAY_BE_THERE,
        "    return abs(now - made) < READ_LAG",
    ),
    defect(
        "reconcile buries what was just made",
        DECIDE,
        MAY_BE_THERE,
        "    return difference not in (Difference.NOT_LISTED, Difference.NO_LIST)",
    ),
    defect(
        "a 5xx is taken for a deletion",
        OBSERVE,
        "    except Gone:\n        return",
        "    except (Gone, Retryable):\n        return",
    ),
    defect(
        "the lists of a new version are not read again",
        SUSPECT,
        "    if (observation.listed and _is_new(head)) or",
        "    if",
    ),
)

ABSORB = (
    defect("absorbed without a margin", KNOWN, "head.fetched_at > sent_at + margin", "head.fetched_at > sent_at"),
    defect(
        "absorbed although somebody has claimed since",
        REFRESH,
        "return claim is not None and claim.claimed == head.token",
        "return claim is not None",
    ),
    defect(
        "absorbed by when the mirrored fetch ended",
        OBSERVE,
        "        started,\n        answer.stripe_version,",
        "        clock.now(),\n        answer.stripe_version,",
    ),
    defect(
        "a group is absorbed by its first message",
        REFRESH,
        "sent_at = max(_told_at(task) for task in tasks)",
        "sent_at = min(_told_at(task) for task in tasks)",
    ),
)

MESSAGES = (
    defect(
        "of a batch only the first subject is fetched",
        REFRESH,
        "    verdicts = await _refresh_all(list(groups.values()), desk, deadline)",
        "    verdicts = await _refresh_all(list(groups.values())[:1], desk, deadline)",
        Edit(
            SETTLE,
            "    verdict = verdicts[task.received.message_id]",
            "    verdict = verdicts.get(task.received.message_id, (Outcome.STORED, 0.0))",
        ),
        quick=True,
    ),
    defect(
        "messages are grouped by id, whatever the account",
        REFRESH,
        "groups[task.subject.key, task.subject.type]",
        "groups[task.subject.id, task.subject.type]",
    ),
    defect(
        "a batch of which one message is done is acknowledged as a whole",
        REFRESH,
        "    return list(await asyncio.gather(*(settle(task, verdicts, desk) for task in tasks)))",
        "    ended = list(await asyncio.gather(*(settle(task, verdicts, desk) for task in tasks)))\n"
        "    done = any(not one.later for one in ended)\n"
        "    return [replace(one, outcome=Outcome.STORED) if done else one for one in ended]",
    ),
    defect(
        "a postponed message is acknowledged",
        BATCH,
        "        return self.outcome is Outcome.POSTPONED",
        "        return False",
        quick=True,
    ),
    defect(
        "an event is marked as seen before it is worked on",
        REFRESH,
        "    now = desk.world.clock.now()\n    token, observation",
        "    now = desk.world.clock.now()\n"
        "    if event and await desk.world.mirror.latest(subject.scope, event):\n"
        "        return Outcome.ABSORBED\n"
        "    if event:\n"
        '        await desk.world.mirror.record(subject.scope, event, now, {"seen": True})\n'
        "    token, observation",
    ),
    defect(
        "a message that comes again is taken for done",
        REFRESH,
        "    if await _covered(tasks, subject, head, desk):",
        "    if any(task.received.receive_count > 1 for task in tasks):",
    ),
    defect(
        "what is not done in time is acknowledged",
        REFRESH,
        "        except TimeoutError:\n            return OUT_OF_TIME",
        "        except TimeoutError:\n            return Outcome.ABSORBED, clock.now()",
    ),
    defect(
        "a 429 is counted as poison",
        SETTLE,
        "    never = isinstance(error, Refused) or (",
        "    never = isinstance(error, Refused) or (isinstance(error, Retryable) and error.throttled) or (",
        quick=True,
    ),
    defect(
        "what Stripe's bad hour holds up for long is given up",
        SETTLE,
        "(not foreseen and received.receive_count >= UNFORESEEN_TRIES)",
        "received.receive_count >= UNFORESEEN_TRIES",
    ),
    defect(
        "Stripe gets its 200 although the queue did not take the message",
        ACCEPT,
        "return Accepted(503, Metric.UNAVAILABLE",
        "return Accepted(200, Metric.UNAVAILABLE",
    ),
    defect(
        "the cache of signing secrets is never refreshed",
        ACCEPT,
        "(door.secrets.current, door.secrets.refreshed)",
        "(door.secrets.current, door.secrets.current)",
    ),
)

WHOSE = (
    defect(
        "the account is left out of the key",
        SUBJECT,
        "        return key(str(self.scope), self.row, self.id)",
        '        return key("live" if self.scope.livemode else "test", self.row, self.id)',
        quick=True,
    ),
    defect(
        "Stripe is not told whose object is asked for",
        OBSERVE,
        "            subject.path, api=row.api, context=subject.scope.context,",
        "            subject.path, api=row.api, context=None,",
    ),
    defect(
        "the event's mode is not looked at",
        REFRESH,
        "    if message.livemode != desk.world.stripe.livemode:",
        "    if False:",
    ),
    defect(
        "the placeholder in a URL is taken for the parent",
        SUBJECT,
        "    if parent is None or _PLACEHOLDER.fullmatch(parent):",
        "    if parent is None:",
        quick=True,
    ),
    defect("a suspicion does not name the parent", SUSPECT, "        parent=suspect.parent,\n", ""),
    defect(
        "the customer is only looked for in the mirror",
        ONE,
        "    if body is None:\n        now = world.clock.now()",
        "    if body is None:\n        return None\n        now = world.clock.now()",
    ),
)

BODIES = (
    defect(
        "a list that Stripe cuts short is stored so",
        OBSERVE,
        "    if not isinstance(shown, dict) or",
        "    if True or",
        quick=True,
    ),
    defect(
        "nobody looks at the rates that a new version has lost",
        SUSPECT,
        "        if parent is not None and (lacks_more or _looked_lately(observation, head)):",
        "        if False:",
    ),
    defect(
        "suspicions are sent after the write",
        ONE,
        "    await send_suspicions(subject, observation, head, world.mirror, world.queue)\n"
        "    if not await world.mirror.put(subject, token, item):\n        return Outcome.SUPERSEDED\n",
        "    if not await world.mirror.put(subject, token, item):\n        return Outcome.SUPERSEDED\n"
        "    await send_suspicions(subject, observation, head, world.mirror, world.queue)\n",
    ),
    defect(
        "a new version does not make its rate card doubtful",
        SUSPECT,
        "named = [*_changed_with(subject, observation, head), ",
        "named = [",
    ),
)

NEVER_SEEN = "_never_seen(page.entries, subjects, by_id) if round_.run.job is Job.BACKFILL else {}"
INSERT = "stored = await round_.world.mirror.put(subject, UNCLAIMED, item)"
CLAIMED = Edit(FILL, INSERT, INSERT.replace("UNCLAIMED", "await round_.world.mirror.claim(subject, 0.0)"))
BURY_UNLISTED = """    for subject in suspects if Difference.NOT_LISTED in suspects.values() else ():
        round_.looked_at.add(subject.key)
        gone = Observation(round_.world.clock.now(), "1", "")
        await mirror.bury(subject, await mirror.claim(subject, 0.0), items.tombstone(gone, subject))
"""
SUSPECTS = (
    "    suspects = {subject: kind for subject, kind in suspects.items() if subject.key not in round_.looked_at}\n"
)
FETCH = "    token, observation = await claim_and_observe(world, subject, claimed_at=0.0)\n"
KEEP = "        if page.next is not None:\n            await round_.save(page.next, shown)\n            shown.clear()\n"

RECONCILES = (
    defect(
        "reconcile writes what a list shows over the objects",
        RECONCILE,
        NEVER_SEEN,
        "_never_seen(page.entries, subjects, {name: head for name, head in by_id.items() if name not in suspects})",
        CLAIMED,
    ),
    defect("reconcile takes what is not listed for gone", DECIDE, SUSPECTS, f"{BURY_UNLISTED}{SUSPECTS}"),
    defect(
        "the ids of a page are not kept, and what no page shows is buried unseen",
        DECIDE,
        FETCH,
        f"{FETCH}    if drift.difference is Difference.NOT_LISTED:\n"
        '        observation = Observation(observation.fetched_at, "1", "")\n',
        Edit(RECONCILE, "        shown += page.ids\n", ""),
    ),
    defect(
        "a run that was stopped goes on after the page that it has not compared",
        RECONCILE,
        "        await _compare(row, page, round_)\n",
        f"{KEEP}        await _compare(row, page, round_)\n",
        Edit(
            RECONCILE,
            f"            await queue([page.owner], round_)\n{KEEP}",
            "            await queue([page.owner], round_)\n",
        ),
    ),
    defect(
        "reconcile does not look at what is not listed",
        RECONCILE,
        "    if not round_.run.counts.unread and not round_.run.began_empty:\n",
        "    if False:\n",
    ),
    defect(
        "reconcile finds only what is missing",
        DRIFT,
        "        elif head.digest != digest(row, entry):",
        "        elif False:",
    ),
    defect(
        "a claim whose worker has died keeps reconcile away for good",
        KNOWN,
        "CLAIM_DIES_AFTER = 3600.0",
        "CLAIM_DIES_AFTER = 1e12",
    ),
)

FILLS = (
    defect(
        "what a backfill inserts has a number that no claim reaches", FILL, INSERT, INSERT.replace("UNCLAIMED", "10**9")
    ),
    defect(
        "a backfill inserts under the first number that somebody claims", FILL, INSERT, INSERT.replace("UNCLAIMED", "1")
    ),
    defect(
        "a backfill writes over what is there",
        TABLE,
        'return held is None or _integer(held, "token") < token',
        'return held is None or token == 0 or _integer(held, "token") < token',
        Edit(RECONCILE, "        and identifier not in heads\n", ""),
    ),
    defect(
        "a backfill stores what a list cuts short",
        FILL,
        "    return not any(_is_cut_short(bodies.at(entry, sublist.path)) for sublist in row.sublists)",
        "    return True",
    ),
    defect(
        "what a list does not show whole is not queued",
        FILL,
        "[*(subject for subject in found if subject not in whole), *referred]",
        "referred",
    ),
)

EVENTS_OF_STRIPE = (
    defect(
        "the watermark moves although a window of events was read in part",
        EVENTS,
        "        going_on = page.next\n",
        "        going_on = None\n",
    ),
    defect("any look is taken to show what an event tells", KNOWN, "    if head.told_at >= made_at:", "    if True:"),
    defect(
        "a look is taken to show what was told while its answer was on its way",
        REFRESH,
        "told_at=max((one.created.timestamp() for one in events), default=0.0)",
        "told_at=desk.world.clock.now() if events else 0.0",
    ),
)

BUDGETS = (
    defect(
        "requests that were not sent are saved up",
        PACE,
        "        self._next_start = now + self._interval *",
        "        self._next_start += self._interval *",
    ),
)

DEFECTS = (
    *FILLS,
    *EVENTS_OF_STRIPE,
    *RECONCILES,
    *ORDER,
    *WRITE,
    *NOT_SHOWN,
    *ABSORB,
    *MESSAGES,
    *WHOSE,
    *BODIES,
    *BUDGETS,
)
