"""How long does each change at Stripe take to reach the table? Measured on the table's stream, not by the functions."""

import json
import statistics
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from billing_mirror.core import times
from billing_mirror.core.events.messages import Notification, read_message
from billing_mirror.core.events.related_object import UnresolvedRef, ref_from_event
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef
from billing_mirror.core.table.items import OBJECT
from dev.fake_stripe.types.object_types import Body
from dev.sandbox.deploy import session
from dev.sandbox.observer import Observer


class Cause(StrEnum):
    """The worst fault that delayed an event on its way to the table."""

    NONE = "nothing"
    ON_THE_WAY = "sent twice, late, out of order, or its answer lost"
    STRIPE = "Stripe failed while it was processed"
    KILLED = "the function was killed while it was processed"


@dataclass(frozen=True)
class Write:
    """One write of an object into the table. Times are in seconds since 1970."""

    key: str
    fetched_at: float
    written_at: float


class TableStream:
    """Every write of an object since the stack was deployed, from the stream that its changes come from."""

    def __init__(self, observer: Observer) -> None:
        table = observer.dynamodb.describe_table(TableName=observer.endpoints.table)["Table"]
        self._arn = table["LatestStreamArn"]
        self._client = session().client("dynamodbstreams", endpoint_url=observer.endpoints.aws_endpoint)

    def writes(self) -> Iterator[Write]:
        shards = self._client.describe_stream(StreamArn=self._arn)["StreamDescription"]["Shards"]
        for shard in shards:
            yield from self._writes_in(shard["ShardId"])

    def _writes_in(self, shard: str) -> Iterator[Write]:
        iterator: str | None = self._client.get_shard_iterator(
            StreamArn=self._arn, ShardId=shard, ShardIteratorType="TRIM_HORIZON"
        )["ShardIterator"]
        while iterator is not None:
            answer = self._client.get_records(ShardIterator=iterator)
            for record in answer["Records"]:
                change = record["dynamodb"]
                if change["Keys"]["sk"]["S"] == OBJECT:
                    fetched_at = times.seconds(change["NewImage"]["fetched_at"]["S"])
                    yield Write(change["Keys"]["pk"]["S"], fetched_at, _moment(change["SequenceNumber"]))
            # A shard that is still open has no end: stop at an empty page, since nothing writes any more.
            iterator = answer.get("NextShardIterator") if answer["Records"] else None


def _moment(sequence_number: str) -> float:
    """The time of a record: the emulator's sequence numbers begin with milliseconds, its times have only seconds."""
    return int(sequence_number[:20]) / 1000


def lags(events: Iterable[JsonObject], writes: Iterable[Write]) -> dict[str, float]:
    """Seconds from each event to the first write that must reflect it, by the event's id.

    Such a write's fetch started after the event was created; an earlier write may reflect the event too.
    """
    writes_by_key: dict[str, list[Write]] = defaultdict(list)
    for write in writes:
        writes_by_key[write.key].append(write)
    found: dict[str, float] = {}
    for event in events:
        message = read_message(json.dumps(event))
        if not isinstance(message, Notification):
            continue
        made = message.created.timestamp()
        writes_of_event = [write for ref in _refs(message) for write in writes_by_key[ref.key]]
        showing = [write.written_at for write in writes_of_event if write.fetched_at >= made]
        if showing:
            found[message.id] = min(showing) - made
    return found


def _refs(event: Notification) -> list[ObjectRef]:
    """The objects that an event itself names; a discount belongs to several."""
    ref = ref_from_event(event)
    if isinstance(ref, UnresolvedRef):
        return [*ref.resolve(None).values()] if ref.named else []
    return [ref] if ref is not None else []


def causes(deliveries: Iterable[Body], records: Iterable[Body]) -> Mapping[str, Cause]:
    """The worst fault of each event, by id, from the stand-in's report of deliveries and the functions' logs."""
    cause_by_event = {str(each["event_id"]): Cause.ON_THE_WAY if each["faults"] else Cause.NONE for each in deliveries}
    receives: dict[str, set[int]] = defaultdict(set)
    for record in records:
        if record.get("service") == "process" and record.get("event_id"):
            receives[record["event_id"]].add(int(record["receive_count"]))
    for event, counts in receives.items():
        if len(counts) < max(counts):  # one receive has no log record: its function was killed
            cause_by_event[event] = Cause.KILLED
        elif max(counts) > 1:
            cause_by_event[event] = Cause.STRIPE
    return cause_by_event


@dataclass(frozen=True)
class Spread:
    """Percentiles of lags, in seconds."""

    count: int
    p50: float
    p95: float
    p99: float
    longest: float

    @classmethod
    def of(cls, seconds: Sequence[float]) -> "Spread":
        centiles = statistics.quantiles(seconds, n=100, method="inclusive") if len(seconds) > 1 else [*seconds] * 99
        return cls(len(seconds), centiles[49], centiles[94], centiles[98], max(seconds))


def spreads(lags: Mapping[str, float], cause_by_event: Mapping[str, Cause]) -> dict[str, Spread]:
    """The spread of all lags, and of the lags with each cause."""
    groups: dict[str, list[float]] = {"all": [*lags.values()]}
    for cause in Cause:
        groups[cause] = [lag for event, lag in lags.items() if cause_by_event.get(event) is cause]
    return {name: Spread.of(found) for name, found in groups.items() if found}
