"""Whose an object is: its mode and accounts are in its key, and those beside it share them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.core.errors import PermanentError
from billing_mirror.core.events.messages import RefreshRequest, RelatedObject
from billing_mirror.core.events.related_object import ref_from_event, ref_from_request
from billing_mirror.core.object_ref import ObjectRef, Scope, parse_scope, ref_to

from .events.object_refs import CADENCE, IDS, LIVE, SUBSCRIPTION, event


class TestScope:
    @pytest.mark.parametrize(
        ("livemode", "context", "text"),
        [
            (True, None, "live"),
            (False, None, "test"),
            (True, "", "live"),
            (True, "acct_1", "live/acct_1"),
            (False, "acct_1/acct_2A", "test/acct_1/acct_2A"),
        ],
    )
    def test_is_the_mode_and_the_path_of_accounts(self, livemode: bool, context: str | None, text: str) -> None:
        assert str(parse_scope(livemode=livemode, context=context)) == text

    @pytest.mark.parametrize(
        "context",
        [
            "/",
            "acct_",
            "acct_1/",
            "/acct_1",
            "acct_1//acct_2",
            "acct_1/../acct_2",
            "acct_1 ",
            "acct_1\n",
            "acct_1\r\nStripe-Account: acct_2",
            "acct_1#rcds_1",
            "acct_1,acct_2",
            "acct_é",
            "ACCT_1",
            "cus_1",
            "live",
        ],
    )
    def test_refuses_a_context_that_is_no_path_of_accounts(self, context: str) -> None:
        with pytest.raises(PermanentError):
            parse_scope(livemode=True, context=context)
        with pytest.raises(PermanentError):
            ref_from_event(
                event(RelatedObject(id="bc_1", type=CADENCE, url="/v2/billing/cadences/bc_1"), context=context)
            )
        with pytest.raises(PermanentError):
            ref_from_request(RefreshRequest(livemode=True, context=context, type=CADENCE, id="bc_1"))

    def test_no_context_is_the_keys_own_account(self) -> None:
        assert (
            parse_scope(livemode=True, context="") == Scope(livemode=True) == parse_scope(livemode=True, context=None)
        )

    @given(st.lists(st.tuples(st.booleans(), st.sampled_from(["", "acct_1", "acct_1/acct_2", "acct_2"]), IDS)))
    def test_objects_of_two_scopes_never_share_a_key(self, owners: list[tuple[bool, str, str]]) -> None:
        keys = {
            ref_to(parse_scope(livemode=livemode, context=context), CADENCE, identifier).key
            for livemode, context, identifier in owners
        }
        assert len(keys) == len(set(owners))

    def test_reaches_the_ref_from_events_and_refresh_requests(self) -> None:
        related = RelatedObject(id="bc_1", type=CADENCE, url="/v2/billing/cadences/bc_1")
        ref_of = ref_from_event(event(related, context="acct_1", livemode=False))
        assert isinstance(ref_of, ObjectRef)
        assert ref_of.key == "test/acct_1#bc_1"
        assert ref_from_request(RefreshRequest(livemode=False, context="acct_1", type=CADENCE, id="bc_1")) == ref_of


class TestNeighbours:
    def test_an_object_beside_another_is_of_the_same_scope(self) -> None:
        scope = parse_scope(livemode=False, context="acct_1")
        assert ref_to(scope, SUBSCRIPTION, "rcds_1").in_same_scope(CADENCE, "bc_1") == ref_to(scope, CADENCE, "bc_1")

    def test_a_malicious_reference_is_refused(self) -> None:
        with pytest.raises(PermanentError):
            ref_to(LIVE, SUBSCRIPTION, "rcds_1").in_same_scope(CADENCE, "../rate_cards")
