"""Whose an object is: its mode and accounts are in its key, and those beside it share them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.core.errors import Refused
from billing_mirror.core.messages import RelatedObject, Suspicion
from billing_mirror.core.object_ref import Scope, Subject, named, notified, scope_of, suspected

from .object_refs import CADENCE, IDS, LIVE, SUBSCRIPTION, event


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
        assert str(scope_of(livemode=livemode, context=context)) == text

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
        with pytest.raises(Refused):
            scope_of(livemode=True, context=context)
        with pytest.raises(Refused):
            notified(event(RelatedObject(id="bc_1", type=CADENCE, url="/v2/billing/cadences/bc_1"), context=context))
        with pytest.raises(Refused):
            suspected(Suspicion(livemode=True, context=context, type=CADENCE, id="bc_1"))

    def test_no_context_is_the_keys_own_account(self) -> None:
        assert scope_of(livemode=True, context="") == Scope(livemode=True) == scope_of(livemode=True, context=None)

    @given(st.lists(st.tuples(st.booleans(), st.sampled_from(["", "acct_1", "acct_1/acct_2", "acct_2"]), IDS)))
    def test_objects_of_two_scopes_never_share_a_key(self, owners: list[tuple[bool, str, str]]) -> None:
        keys = {
            named(scope_of(livemode=livemode, context=context), CADENCE, identifier).key
            for livemode, context, identifier in owners
        }
        assert len(keys) == len(set(owners))

    def test_reaches_the_subject_from_events_and_suspicions(self) -> None:
        related = RelatedObject(id="bc_1", type=CADENCE, url="/v2/billing/cadences/bc_1")
        told = notified(event(related, context="acct_1", livemode=False))
        assert isinstance(told, Subject)
        assert told.key == "test/acct_1#bc_1"
        assert suspected(Suspicion(livemode=False, context="acct_1", type=CADENCE, id="bc_1")) == told


class TestNeighbours:
    def test_an_object_beside_another_is_of_the_same_scope(self) -> None:
        scope = scope_of(livemode=False, context="acct_1")
        assert named(scope, SUBSCRIPTION, "rcds_1").beside(CADENCE, "bc_1") == named(scope, CADENCE, "bc_1")

    def test_a_hostile_reference_is_refused(self) -> None:
        with pytest.raises(Refused):
            named(LIVE, SUBSCRIPTION, "rcds_1").beside(CADENCE, "../rate_cards")
