"""What an event is about that names no object, or none that is mirrored."""

import pytest

from billing_mirror.core import catalog
from billing_mirror.core.errors import PermanentError
from billing_mirror.core.events.messages import RelatedObject
from billing_mirror.core.events.related_object import UnresolvedRef, ref_from_event
from billing_mirror.core.object_ref import ObjectRef, ref_to

from .malicious import OF_ANY_TYPE
from .object_refs import LIVE, event


class TestAnEventThatIsAnObject:
    @pytest.mark.parametrize("name", catalog.EVENT_OBJECTS)
    @pytest.mark.parametrize(
        "related", [None, RelatedObject(id="mtr_1", type="billing.meter", url="/v1/billing/meters/mtr_1")]
    )
    def test_goes_by_its_own_id(self, name: str, related: RelatedObject | None) -> None:
        found = ref_from_event(event(related, name=name))
        assert isinstance(found, ObjectRef)
        assert (found.type, found.id, found.path) == ("v2.core.event", "evt_1", "/v2/core/events/evt_1")


class TestAnEventThatSaysNotWhichObjectItIsAbout:
    @pytest.mark.parametrize("name", ["v1.customer.updated", "v2.billing.rate_card_rate.created", "v1.invoice.paid"])
    def test_is_refused_where_its_type_is_known(self, name: str) -> None:
        with pytest.raises(PermanentError, match="does not say which object"):
            ref_from_event(event(None, name=name))

    @pytest.mark.parametrize("name", catalog.EVENT_OBJECTS)
    def test_is_refused_where_it_is_an_object_itself_and_names_something_malicious(self, name: str) -> None:
        with pytest.raises(PermanentError):
            ref_from_event(
                event(RelatedObject(id="mtr_1", type="billing.meter", url="/v1/billing/../mtr_1"), name=name)
            )


class TestAnEventThatNamesNoObject:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("v1.customer.discount.source_changed", ref_to(LIVE, "customer", "cus_1")),
            (
                "v1.entitlements.active_entitlement_summary.updated",
                ref_to(LIVE, "entitlements.active_entitlement_summary", "", "cus_1"),
            ),
        ],
    )
    def test_is_known_once_the_owner_is(self, name: str, expected: ObjectRef) -> None:
        unresolved = ref_from_event(event(None, name=name))
        assert isinstance(unresolved, UnresolvedRef)
        assert unresolved.resolve({"data": {"customer": "cus_1"}}) == {"customer": expected}

    @pytest.mark.parametrize("owner", [text for text in OF_ANY_TYPE if text])
    def test_is_refused_with_a_malicious_owner(self, owner: str) -> None:
        for name in ("v1.customer.discount.source_changed", "v1.entitlements.active_entitlement_summary.updated"):
            unresolved = ref_from_event(event(None, name=name))
            assert isinstance(unresolved, UnresolvedRef)
            with pytest.raises(PermanentError):
                unresolved.resolve({"data": {"customer": owner}})

    def test_is_of_the_account_that_the_event_is_of(self) -> None:
        unresolved = ref_from_event(event(None, name="v1.customer.discount.source_changed", context="acct_1"))
        assert isinstance(unresolved, UnresolvedRef)
        assert unresolved.resolve({"data": {"customer": "cus_1"}})["customer"].key == "live/acct_1#customer/cus_1"


class TestWhatIsAboutNothing:
    def test_is_an_event_without_an_object(self) -> None:
        assert ref_from_event(event(None)) is None

    @pytest.mark.parametrize("name", ["v1.balance_settings.updated", "v1.account.application.authorized"])
    def test_is_an_event_that_is_ignored_by_its_resource(self, name: str) -> None:
        assert name.rpartition(".")[0] in catalog.IGNORED
        related = RelatedObject(type="balance_settings", url="/v1/balance_settings")
        assert ref_from_event(event(related, name=name)) is None

    @pytest.mark.parametrize("name", sorted(catalog.IGNORED))
    def test_is_an_event_that_is_ignored(self, name: str) -> None:
        related = RelatedObject(id="ed_1", type="v2.core.event_destination", url="/v2/core/event_destinations/ed_1")
        assert ref_from_event(event(related, name=name)) is None
        assert ref_from_event(event(related, name=f"{name}.ping")) is None
        assert ref_from_event(event(related)) is not None

    def test_is_an_ignored_event_even_with_something_malicious_in_it(self) -> None:
        related = RelatedObject(id="..", type="v2.core.event_destination", url="//evil.example/..")
        assert ref_from_event(event(related, name="v2.core.event_destination.ping", context="not-an-account")) is None
