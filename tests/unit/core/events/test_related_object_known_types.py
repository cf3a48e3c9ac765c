"""An object of a type in the catalog is fetched where the catalog says, and refused under any other URL."""

from urllib.parse import quote

import pytest
from hypothesis import given

from billing_mirror.core import catalog
from billing_mirror.core.errors import PermanentError
from billing_mirror.core.events.messages import RefreshRequest, RelatedObject
from billing_mirror.core.events.related_object import ref_from_event, ref_from_request
from billing_mirror.core.object_ref import ref_to

from .malicious import MALICIOUS_IDS, OF_ANY_TYPE, OTHER_URLS, OWNERS_IN_URLS
from .object_refs import IDS, LIVE, RATE, SUBSCRIPTION, UNKNOWN, about, event, ref_of


def malicious_ids(object_type: catalog.ObjectType) -> list[str]:
    return OF_ANY_TYPE if object_type.chosen_ids else MALICIOUS_IDS


class TestAKnownType:
    def test_is_fetched_where_the_catalog_says(self) -> None:
        found = about(SUBSCRIPTION, "rcds_1", "/v2/billing/rate_card_subscriptions/rcds_1")
        assert found.path == "/v2/billing/rate_card_subscriptions/rcds_1"
        assert found.type == SUBSCRIPTION
        assert found.key == "live#rcds_1"
        assert found.object_type is catalog.TYPES[SUBSCRIPTION]
        assert not found.needs_parent

    @pytest.mark.parametrize("url", OTHER_URLS)
    def test_is_refused_under_any_other_url(self, url: str) -> None:
        with pytest.raises(PermanentError):
            ref_from_event(event(RelatedObject(id="rcds_1", type=SUBSCRIPTION, url=url)))

    def test_is_refused_under_the_url_of_another_type(self) -> None:
        with pytest.raises(PermanentError):
            about(SUBSCRIPTION, "rcds_1", "/v2/billing/cadences/rcds_1")

    @pytest.mark.parametrize("object_type", catalog.TYPES.values(), ids=lambda object_type: object_type.name)
    def test_is_recognised_by_the_url_that_is_built_for_it(self, object_type: catalog.ObjectType) -> None:
        one = ref_to(LIVE, object_type.name, "id_1", "parent_1" if object_type.nested else None)
        for name in (object_type.name, *object_type.aliases):
            assert ref_of(RelatedObject(id=None if object_type.singleton else "id_1", type=name, url=one.path)) == one

    @pytest.mark.parametrize("object_type", catalog.TYPES.values(), ids=lambda object_type: object_type.name)
    def test_is_recognised_in_a_refresh_request(self, object_type: catalog.ObjectType) -> None:
        one = ref_to(LIVE, object_type.name, "id_1", "parent_1" if object_type.nested else None)
        assert (
            ref_from_request(RefreshRequest(livemode=True, type=object_type.name, id=one.id, parent=one.parent)) == one
        )

    @pytest.mark.parametrize("object_type", catalog.TYPES.values(), ids=lambda object_type: object_type.name)
    @pytest.mark.parametrize("url", [url for url in OTHER_URLS if "rate_card_subscriptions/rcds_1" not in url])
    def test_is_refused_under_a_malicious_url_whatever_it_is(self, object_type: catalog.ObjectType, url: str) -> None:
        with pytest.raises(PermanentError):
            ref_from_event(event(RelatedObject(id="rcds_1", type=object_type.name, url=url)))

    @pytest.mark.parametrize("object_type", catalog.TYPES.values(), ids=lambda object_type: object_type.name)
    def test_is_refused_with_a_malicious_id_in_its_url(self, object_type: catalog.ObjectType) -> None:
        for shape in [shape for shape in (object_type.retrieve, *object_type.alternate_urls) if "{id}" in shape]:
            for text in malicious_ids(object_type):
                for spelled in (text, quote(text, safe="")):
                    url = shape.format(id=spelled, parent="parent_1")
                    with pytest.raises(PermanentError):
                        ref_from_event(event(RelatedObject.model_construct(id=text, type=object_type.name, url=url)))

    @pytest.mark.parametrize("object_type", catalog.TYPES.values(), ids=lambda object_type: object_type.name)
    def test_is_refused_with_a_malicious_parent_in_its_url(self, object_type: catalog.ObjectType) -> None:
        for shape in [shape for shape in (object_type.retrieve, *object_type.alternate_urls) if "{parent}" in shape]:
            for text in MALICIOUS_IDS if object_type.nested and not object_type.parent_is_customer else OWNERS_IN_URLS:
                if object_type.singleton or text != ":rate_card_id":  # that is Stripe's own placeholder
                    url = shape.format(id="id_1", parent=text)
                    with pytest.raises(PermanentError):
                        ref_from_event(
                            event(
                                RelatedObject(
                                    id=None if object_type.singleton else "id_1", type=object_type.name, url=url
                                )
                            )
                        )

    def test_without_an_id_is_refused(self) -> None:
        with pytest.raises(PermanentError, match="has no id"):
            ref_from_event(event(RelatedObject(type=SUBSCRIPTION, url="/v2/billing/rate_card_subscriptions/rcds_1")))

    @pytest.mark.parametrize(
        ("name", "type_name", "url"),
        [
            ("v2.billing.cadence.created", SUBSCRIPTION, "/v2/billing/rate_card_subscriptions/x_1"),
            ("v1.customer.updated", "invoice", "/v1/invoices/x_1"),
            ("v1.customer.subscription.updated", "customer", "/v1/customers/x_1"),
            ("v1.customer.updated", "discount", "/v1/customers/x_1/discount"),
            ("v1.customer.discount.created", "customer", "/v1/customers/x_1"),
            ("v1.customer.updated", UNKNOWN, "/v1/things/x_1"),
            ("v1.cash_balance.funds_available", "customer", "/v1/customers/x_1"),
            ("v2.billing.rate_card.updated", RATE, "/v2/billing/rate_cards/rcd_1/rates/x_1"),
        ],
    )
    def test_of_an_event_about_another_type_is_refused(self, name: str, type_name: str, url: str) -> None:
        with pytest.raises(PermanentError, match="another type"):
            ref_from_event(event(RelatedObject(id="x_1", type=type_name, url=url), name=name))

    @pytest.mark.parametrize("name", ["v2.billing.rate_card.rate.created", "v2.billing.rate_card_rate.created"])
    @pytest.mark.parametrize("type_name", ["v2.billing.rate_card.rate", RATE])
    def test_may_go_by_an_old_name(self, name: str, type_name: str) -> None:
        url = "/v2/billing/rate_cards/rcd_1/rates/rcdr_1"
        rate = ref_of(RelatedObject(id="rcdr_1", type=type_name, url=url), name)
        assert (rate.type, rate.key, rate.path) == (RATE, "live#rcdr_1", url)

    def test_may_be_requested_by_an_old_name(self) -> None:
        old = RefreshRequest(livemode=True, type="v2.billing.rate_card.rate", id="rcdr_1", parent="rcd_1")
        assert ref_from_request(old) == ref_to(LIVE, RATE, "rcdr_1", "rcd_1")

    def test_may_be_named_under_another_url_but_is_fetched_at_its_own(self) -> None:
        url = "/v1/customers/cus_1/tax_ids/txi_1"
        tax_id = ref_of(RelatedObject(id="txi_1", type="tax_id", url=url), "v1.customer.tax_id.created")
        assert (tax_id.path, tax_id.parent) == ("/v1/tax_ids/txi_1", None)

    @given(IDS, IDS)
    def test_finds_its_way_with_every_possible_id(self, identifier: str, parent: str) -> None:
        ref_of = about(RATE, identifier, f"/v2/billing/rate_cards/{parent}/rates/{identifier}")
        assert (ref_of.id, ref_of.parent) == (identifier, parent)
        assert ref_of.path == f"/v2/billing/rate_cards/{parent}/rates/{identifier}"


class TestANestedType:
    def test_reads_its_parent_from_the_url(self) -> None:
        rate = about(RATE, "rcdr_1", "/v2/billing/rate_cards/rcd_1/rates/rcdr_1")
        assert rate.parent == "rcd_1"
        assert not rate.needs_parent
        assert rate.path == "/v2/billing/rate_cards/rcd_1/rates/rcdr_1"

    def test_has_no_parent_yet_where_stripe_left_its_placeholder_in(self) -> None:
        rate = about(RATE, "rcdr_1", "/v2/billing/rate_cards/:rate_card_id/rates/rcdr_1")
        assert rate.parent is None
        assert rate.needs_parent

    def test_cannot_be_fetched_before_its_parent_is_known(self) -> None:
        with pytest.raises(PermanentError, match="the parent of rcdr_1 is not known"):
            _ = ref_to(LIVE, RATE, "rcdr_1").path

    @pytest.mark.parametrize("parent", [text for text in MALICIOUS_IDS if text != ":rate_card_id"])
    def test_is_refused_with_a_malicious_parent(self, parent: str) -> None:
        url = f"/v2/billing/rate_cards/{parent}/rates/rcdr_1"
        with pytest.raises(PermanentError):
            ref_from_event(event(RelatedObject(id="rcdr_1", type=RATE, url=url)))

    @pytest.mark.parametrize("parent", [":", ":Rate", ":a-b", ":a:b", "a:b_id", ":x\n", "::x"])
    def test_is_refused_with_something_like_a_placeholder(self, parent: str) -> None:
        with pytest.raises(PermanentError):
            about(RATE, "rcdr_1", f"/v2/billing/rate_cards/{parent}/rates/rcdr_1")

    def test_does_not_take_a_placeholder_for_its_own_id(self) -> None:
        with pytest.raises(PermanentError):
            about(RATE, "rcdr_1", "/v2/billing/rate_cards/rcd_1/rates/:id")
