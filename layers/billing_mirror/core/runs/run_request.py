"""An on-demand request to run jobs now: ``{"job": "backfill", "types": ["invoice"], "dry_run": false}``."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Self

from .. import times
from ..catalog import RECONCILED_TYPES, USAGE
from ..errors import InvalidRequest
from .forgetting import FORGET, ForgetRequest
from .objects_request import REFRESH, ObjectsRequest, read_context
from .run import Job
from .schedule import EVENTS_KEPT, RECOVER

MEMBERS = frozenset({"job", "types", "dry_run", "confirm_deletions", "until_now", "since", "deep", "context"})
SCHEDULER = "aws.scheduler"
"""The source of a tick: https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html"""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """Names of runs, each with its job. A dry run finds differences and changes nothing.

    ``confirm_deletions`` lets the runs remove any number of objects that Stripe does not have. ``until_now`` lets a
    recover run read the events whose webhooks may still be on their way, too. ``since`` (seconds since 1970; 0 is none)
    lets it read the events from then on again. ``deep`` lets verify runs read every
    listed object that the table holds. ``context`` is the connected account to work on, instead of the key's own.
    """

    jobs: tuple[tuple[str, Job], ...]
    dry_run: bool = False
    confirm_deletions: bool = False
    until_now: bool = False
    since: float = 0.0
    deep: bool = False
    context: str | None = None

    @classmethod
    def parse(cls, event: object) -> Self | None:
        """Reads the request from an invocation's event; None when the event is a tick.

        Raises :class:`InvalidRequest`, whose sentence is the answer.
        """
        if not isinstance(event, Mapping):
            raise InvalidRequest('the request is not an object, such as {"job": "recover"}; nothing was started')
        if event.get("source") == SCHEDULER or not event:
            return None
        unknown = sorted(event.keys() - MEMBERS)
        if unknown:
            names = ", ".join(sorted(MEMBERS))
            raise InvalidRequest(f"unknown member: {unknown[0]}; members are {names}; nothing was started")
        dry_run, confirmed = _flag(event, "dry_run"), _flag(event, "confirm_deletions")
        if confirmed and "types" not in event:
            raise InvalidRequest("confirm_deletions needs types: name those whose run has failed; nothing was started")
        job, until_now = event.get("job", Job.VERIFY), _flag(event, "until_now")
        if until_now and job != Job.RECOVER:
            raise InvalidRequest(f"until_now belongs to the job {Job.RECOVER}; nothing was started")
        if "since" in event and job != Job.RECOVER:
            raise InvalidRequest(f"since belongs to the job {Job.RECOVER}; nothing was started")
        jobs, deep = _jobs(job, _types(event)), _flag(event, "deep")
        if deep and job != Job.VERIFY:
            raise InvalidRequest(f"deep belongs to the job {Job.VERIFY}; nothing was started")
        return cls(
            tuple(dict.fromkeys(jobs)),
            dry_run,
            confirmed,
            until_now,
            _since(event),
            deep,
            read_context(event, "started"),
        )

    def check_since(self, now: float) -> None:
        """Raises :class:`InvalidRequest` where Stripe does not list the events from then on."""
        if not self.since:
            return
        if self.since > now:
            raise InvalidRequest(f"since is in the future: {times.iso(self.since)}; nothing was started")
        if self.since < now - EVENTS_KEPT:
            raise InvalidRequest(
                f"Stripe keeps events for 30 days, so since may be {times.iso(now - EVENTS_KEPT)} at the earliest; "
                "nothing was started"
            )


def read_request(event: object, *, livemode: bool, now: float) -> RunRequest | ObjectsRequest | ForgetRequest | None:
    """The request of an invocation's event, in the mode of the Stripe key; None when the event is a tick.

    Raises :class:`InvalidRequest`, whose sentence is the answer.
    """
    if isinstance(event, Mapping) and event.get("job") == REFRESH:
        return ObjectsRequest.parse(event, livemode=livemode)
    if isinstance(event, Mapping) and event.get("job") == FORGET:
        return ForgetRequest.parse(event)
    request = RunRequest.parse(event)
    if request is not None:
        request.check_since(now)
    return request


def _flag(event: Mapping[str, object], name: str) -> bool:
    value = event.get(name, False)
    if not isinstance(value, bool):
        raise InvalidRequest(f"{name} must be true or false; nothing was started")
    return value


def _since(event: Mapping[str, object]) -> float:
    if "since" not in event:
        return 0.0
    given = event["since"]
    try:
        return times.seconds(given if isinstance(given, str) else "")
    except (ValueError, OverflowError):
        raise InvalidRequest(
            f"since is no time: {given}; give a day, 2026-11-28, or 2026-11-28T14:00:00Z; nothing was started"
        ) from None


def _types(event: Mapping[str, object]) -> list[object]:
    if "types" not in event:
        return []
    types = event["types"]
    if not (isinstance(types, list) and types):
        raise InvalidRequest("types must be a list of names; leave it out for all types; nothing was started")
    return types


def _jobs(job: object, types: list[object]) -> list[tuple[str, Job]]:
    if job not in [*Job]:
        raise InvalidRequest(f"unknown job: {job}; jobs are {', '.join([*Job, REFRESH, FORGET])}; nothing was started")
    if job in (Job.RECOVER, Job.USAGE):
        if types:
            raise InvalidRequest(f"the job {job} takes no types; nothing was started")
        return [(RECOVER, Job.RECOVER)] if job == Job.RECOVER else [(USAGE.name, Job.USAGE)]
    known = {object_type.name: Job(str(job)) for object_type in RECONCILED_TYPES} | {USAGE.name: Job.USAGE}
    unknown = [name for name in types if not isinstance(name, str) or name not in known]
    if unknown:
        raise InvalidRequest(f"unknown type: {unknown[0]}; nothing was started")
    return [(str(name), known[str(name)]) for name in types or [object_type.name for object_type in RECONCILED_TYPES]]
