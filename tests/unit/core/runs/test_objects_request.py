"""Requests to fetch single objects, and the answers to invalid ones."""

import pytest

from billing_mirror.core.errors import InvalidRequest
from billing_mirror.core.object_ref import Scope, ref_to
from billing_mirror.core.runs.objects_request import MAX_OBJECTS, ObjectsRequest, type_of
from billing_mirror.core.runs.run import Job
from billing_mirror.core.runs.run_request import RunRequest, read_request

LIVE = Scope(livemode=True)


def test_the_beginning_of_an_id_tells_its_type() -> None:
    request = ObjectsRequest.parse({"job": "refresh", "ids": ["in_1", "rcds_1", "sub_sched_1"]}, livemode=True)
    assert request.refs == (
        ref_to(LIVE, "invoice", "in_1"),
        ref_to(LIVE, "v2.billing.rate_card_subscription", "rcds_1"),
        ref_to(LIVE, "subscription_schedule", "sub_sched_1"),
    )


def test_an_entry_can_name_the_type_and_the_parent() -> None:
    ids = [{"id": "gold", "type": "plan"}, {"id": "rcdr_1", "parent": "rcd_1"}, {"id": "cus_1", "type": "cash_balance"}]
    request = ObjectsRequest.parse({"job": "refresh", "ids": ids}, livemode=False)
    assert [(ref.type, ref.path) for ref in request.refs] == [
        ("plan", "/v1/plans/gold"),
        ("v2.billing.rate_card_rate", "/v2/billing/rate_cards/rcd_1/rates/rcdr_1"),
        ("cash_balance", "/v1/customers/cus_1/cash_balance"),
    ]


def test_an_object_that_is_named_twice_is_fetched_once() -> None:
    assert len(ObjectsRequest.parse({"job": "refresh", "ids": ["in_1", "in_1"]}, livemode=True).refs) == 1


def test_ids_that_several_types_share_tell_no_type() -> None:
    assert (type_of("bli_1"), type_of("xyz_1"), type_of("")) == (None, None, None)


@pytest.mark.parametrize(
    ("event", "sentence"),
    [
        ({}, f"ids must be a list of 1 to {MAX_OBJECTS} ids"),
        ({"ids": []}, f"ids must be a list of 1 to {MAX_OBJECTS} ids"),
        ({"ids": "in_1"}, f"ids must be a list of 1 to {MAX_OBJECTS} ids"),
        ({"ids": ["in_1"] * (MAX_OBJECTS + 1)}, f"ids must be a list of 1 to {MAX_OBJECTS} ids"),
        ({"ids": ["in_1"], "types": ["invoice"]}, "unknown member: types; members are context, ids, job"),
        ({"ids": [7]}, 'ids are texts, or objects such as {"id": "gold", "type": "plan"}'),
        ({"ids": [{"id": "gold", "kind": "plan"}]}, 'ids are texts, or objects such as {"id": "gold", "type": "plan"}'),
        ({"ids": [{"id": 7}]}, "id, type and parent must be texts"),
        ({"ids": [""]}, "id, type and parent must be texts"),
        ({"ids": [{"type": "plan"}]}, "id, type and parent must be texts"),
        ({"ids": ["gold"]}, 'the id gold does not tell its type; write {"id": "gold", "type": ...}'),
        ({"ids": [{"id": "ch_1", "type": "charge"}]}, 'unknown type: charge; write {"id": "ch_1", "type": ...}'),
        ({"ids": ["in_/../1"]}, "in_/../1: an id has characters that no Stripe id has"),
    ],
)
def test_an_invalid_request_is_refused_with_a_sentence(event: dict[str, object], sentence: str) -> None:
    with pytest.raises(InvalidRequest) as refusal:
        ObjectsRequest.parse({"job": "refresh", **event}, livemode=True)
    assert str(refusal.value) == f"{sentence}; nothing was fetched"


def test_an_event_is_a_tick_or_a_request_of_either_kind() -> None:
    assert read_request({}, livemode=True, now=0.0) is None
    assert read_request({"job": "recover"}, livemode=True, now=0.0) == RunRequest((("recover", Job.RECOVER),))
    assert isinstance(read_request({"job": "refresh", "ids": ["in_1"]}, livemode=True, now=0.0), ObjectsRequest)
