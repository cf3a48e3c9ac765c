"""The record that a reconcile pass leaves."""

from boto3.dynamodb.types import TypeSerializer

from billing_mirror.core.drift import Difference
from billing_mirror.core.run import KEPT_FOR, MOST_IDS, Drift, Resolution, Run


def drift(identifier: str, resolution: Resolution, reason: str = "", *fields: str) -> Drift:
    return Drift(identifier, Difference.DIFFERENT, resolution, fields, reason)


def run(*drifts: Drift) -> Run:
    return Run(
        "some.type",
        started_at=1732638783.5,
        finished_at=1732638790.0,
        complete=True,
        pages=2,
        compared=150,
        in_flight=1,
        refreshed=4,
        written=5,
        refused=True,
        next="mtr_1/cus_1",
        drifts=[*drifts],
    )


def test_a_record_tells_when_how_much_and_what() -> None:
    entry = run(
        drift("a", Resolution.REPAIRED, "", "metadata", "status"),
        drift("b", Resolution.FALSE_ALARM),
        drift("c", Resolution.UNRESOLVED, "Stripe answered 503"),
        drift("d", Resolution.FALSE_ALARM),
        drift("e", Resolution.REPAIRED),
    ).entry()
    assert entry.pop("drifts") == [
        {
            "id": "a",
            "difference": "different",
            "resolution": "repaired",
            "fields": ["metadata", "status"],
            "reason": "",
        },
        {
            "id": "c",
            "difference": "different",
            "resolution": "unresolved",
            "fields": [],
            "reason": "Stripe answered 503",
        },
        {"id": "e", "difference": "different", "resolution": "repaired", "fields": [], "reason": ""},
    ]
    assert entry == {
        "started_at": "2024-11-26T16:33:03.500Z",
        "finished_at": "2024-11-26T16:33:10.000Z",
        "complete": True,
        "reason": "",
        "pages": 2,
        "compared": 150,
        "in_flight": 1,
        "refreshed": 4,
        "written": 5,
        "refused": True,
        "next": "mtr_1/cus_1",
        "found": 3,
        "repaired": 2,
        "false_alarms": 2,
        "unresolved": 1,
        "expires_at": 1732638783 + KEPT_FOR,
    }


def test_a_record_can_be_written_as_attributes() -> None:
    for value in run(drift("a", Resolution.REPAIRED, "why", "f")).entry().values():
        TypeSerializer().serialize(value)


def test_a_record_names_only_so_many_drifts_and_counts_them_all() -> None:
    entry = run(*(drift(str(number), Resolution.REPAIRED) for number in range(MOST_IDS + 7))).entry()
    drifts = entry["drifts"]
    assert isinstance(drifts, list)
    assert len(drifts) == MOST_IDS
    assert entry["found"] == entry["repaired"] == MOST_IDS + 7


def test_false_alarms_do_not_crowd_drifts_out_of_the_record() -> None:
    alarms = [drift(str(number), Resolution.FALSE_ALARM) for number in range(MOST_IDS)]
    entry = run(*alarms, drift("real", Resolution.REPAIRED)).entry()
    assert entry["found"] == 1
    assert [one["id"] for one in entry["drifts"]] == ["real"]  # type: ignore[index, union-attr, call-overload]


def test_a_pass_begins_incomplete_and_without_drift() -> None:
    begun = Run("some.type", started_at=10.0)
    assert not begun.complete
    assert begun.upheld == []
    begun.finished_at = 12.5
    assert begun.seconds == 2.5


def test_two_passes_share_nothing() -> None:
    one, other = Run("t", started_at=0.0), Run("t", started_at=0.0)
    one.drifts.append(drift("a", Resolution.REPAIRED))
    assert other.drifts == []


def test_drifts_are_sorted_by_how_they_ended() -> None:
    drifts = [drift(resolution.value, resolution) for resolution in Resolution]
    passed = run(*drifts)
    for one in drifts:
        assert passed.ended(one.resolution) == [one]
    assert [one.resolution for one in passed.upheld] == [Resolution.REPAIRED, Resolution.UNRESOLVED]
