"""What somebody asks reconcile for by hand: ``{"job": "backfill", "types": ["invoice"], "dry_run": false}``."""

from collections.abc import Mapping
from dataclasses import dataclass

from .catalog import RECONCILED_TYPES, USAGE
from .errors import ConfigurationError
from .run import Job
from .schedule import EVENTS

MEMBERS = frozenset({"job", "types", "dry_run"})
SCHEDULER = "aws.scheduler"
"""Where a tick comes from: https://docs.aws.amazon.com/scheduler/latest/UserGuide/managing-targets-templated.html"""


@dataclass(frozen=True, slots=True)
class RunRequest:
    """Names of runs, each with its job. A dry run finds differences, and changes nothing."""

    jobs: tuple[tuple[str, Job], ...]
    dry_run: bool = False


def read_wish(event: object) -> RunRequest | None:
    """The wish in an invocation's event; None where it is a tick. Raises :class:`BadSetting` with a sentence."""
    if not isinstance(event, Mapping):
        raise ConfigurationError('what is asked for is an object, such as {"job": "recover"}; nothing was started')
    if event.get("source") == SCHEDULER or not event:
        return None
    unknown = sorted(event.keys() - MEMBERS)
    if unknown:
        raise ConfigurationError(f"{unknown[0]} is nothing that reconcile can be asked for; nothing was started")
    dry_run, types = event.get("dry_run", False), event.get("types")
    if not isinstance(dry_run, bool):
        raise ConfigurationError("dry_run is true or false; nothing was started")
    if "types" in event and not (isinstance(types, list) and types):
        raise ConfigurationError("types is a list of names, or left out for all; nothing was started")
    named = types if isinstance(types, list) else []
    return RunRequest(tuple(dict.fromkeys(_jobs(event.get("job", Job.VERIFY), named))), dry_run)


def _jobs(job: object, types: list[object]) -> list[tuple[str, Job]]:
    if job not in [*Job]:
        raise ConfigurationError(f"{job} is no job, those are {', '.join(Job)}; nothing was started")
    known = {object_type.name: Job(str(job)) for object_type in RECONCILED_TYPES} | {USAGE.name: Job.USAGE}
    if job in (Job.RECOVER, Job.USAGE):
        if types:
            raise ConfigurationError(f"the job {job} is not one of single types; nothing was started")
        return [(EVENTS, Job.RECOVER)] if job == Job.RECOVER else [(USAGE.name, Job.USAGE)]
    unknown = [name for name in types if not isinstance(name, str) or name not in known]
    if unknown:
        raise ConfigurationError(f"{unknown[0]} is no type that reconcile knows; nothing was started")
    return [(str(name), known[str(name)]) for name in types or [object_type.name for object_type in RECONCILED_TYPES]]
