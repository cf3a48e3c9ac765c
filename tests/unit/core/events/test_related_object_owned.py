"""Objects found by their owner: a singleton of each customer, and a part whose events refresh the whole."""

import pytest

from billing_mirror.core import catalog
from billing_mirror.core.errors import PermanentError
from billing_mirror.core.events.messages import RelatedObject
from billing_mirror.core.events.related_object import UnresolvedRef, ref_from_event
from billing_mirror.core.object_ref import ObjectRef, ref_to

from .malicious import OF_ANY_TYPE, OWNERS_IN_URLS
from .object_refs import LIVE, event, ref_of

SINGLETONS = [
    object_type for object_type in catalog.TYPES.values() if object_type.singleton and object_type.parent_is_customer
]


class TestASingleton:
    """One for each parent: its path is its id."""

    BALANCE = "/v1/customers/cus_1/cash_balance"

    def test_has_its_path_as_its_id(self) -> None:
        balance = ref_of(RelatedObject(type="cash_balance", url=self.BALANCE), "v1.cash_balance.funds_available")
        assert (balance.id, balance.path, balance.parent) == (self.BALANCE, self.BALANCE, "cus_1")
        assert balance.key == f"live#{self.BALANCE}"

    def test_of_a_snapshot_is_the_customers_that_it_names(self) -> None:
        related = RelatedObject(type="cash_balance", customer="cus_1")
        assert ref_of(related, "v1.cash_balance.funds_available").path == self.BALANCE

    def test_without_an_owner_is_refused(self) -> None:
        with pytest.raises(PermanentError, match="does not say whose"):
            ref_from_event(event(RelatedObject(type="cash_balance"), name="v1.cash_balance.funds_available"))

    @pytest.mark.parametrize("customer", OF_ANY_TYPE)
    def test_of_a_malicious_owner_is_refused(self, customer: str) -> None:
        with pytest.raises(PermanentError):
            ref_from_event(
                event(RelatedObject.model_construct(id=None, url=None, type="cash_balance", customer=customer))
            )

    def test_may_have_a_query_of_its_own_and_no_other(self) -> None:
        summary, url = "entitlements.active_entitlement_summary", "/v1/entitlements/active_entitlements?customer=cus_1"
        assert ref_of(RelatedObject(type=summary, url=url)).path == url
        for malicious in (f"{url}&customer=cus_2", f"{url}#x", url.partition("?")[0], url.replace("customer", "limit")):
            with pytest.raises(PermanentError):
                ref_from_event(event(RelatedObject(type=summary, url=malicious)))

    def test_is_the_same_one_however_it_is_named(self) -> None:
        by_name = ref_to(LIVE, "cash_balance", "whatever", "cus_1")
        assert by_name == ref_of(RelatedObject(type="cash_balance", url=self.BALANCE))
        assert by_name == ref_of(RelatedObject(type="cash_balance", customer="cus_1"))

    def test_cannot_be_named_without_its_owner(self) -> None:
        with pytest.raises(PermanentError):
            ref_to(LIVE, "cash_balance", self.BALANCE)

    def test_is_never_mistaken_for_another_customers(self) -> None:
        keys = {
            ref_to(LIVE, object_type.name, "", parent).key
            for object_type in SINGLETONS
            for parent in ("cus_1", "cus_2")
        }
        assert len(keys) == 2 * len(SINGLETONS)


class TestAPart:
    """A discount has no URL of its own, so its events refresh its owners."""

    @pytest.mark.parametrize(
        ("url", "path", "owner"),
        [
            ("/v1/customers/cus_1/discount", "customer", ref_to(LIVE, "customer", "cus_1")),
            ("/v1/subscriptions/sub_1/discount", "subscription", ref_to(LIVE, "subscription", "sub_1")),
        ],
    )
    def test_refreshes_the_owner_in_its_url_and_those_in_the_events_data(
        self, url: str, path: str, owner: ObjectRef
    ) -> None:
        unresolved = self.unresolved(RelatedObject(id="di_1", type="discount", url=url))
        assert unresolved.resolve(None) == {path: owner}
        invoice = ref_to(LIVE, "invoice", "in_1")
        assert unresolved.resolve({"data": {"invoice": "in_1"}}) == {path: owner, "invoice": invoice}

    @pytest.mark.parametrize("url", ["/v1/subscription_items/si_1/discount", "/v1/invoices/in_1/discounts/di_1"])
    def test_at_a_url_of_another_shape_refreshes_the_owners_in_the_events_data(self, url: str) -> None:
        unresolved = self.unresolved(RelatedObject(id="di_1", type="discount", url=url))
        assert unresolved.resolve({"data": {"invoice_item": "ii_1"}}) == {
            "invoice_item": ref_to(LIVE, "invoiceitem", "ii_1")
        }
        with pytest.raises(PermanentError, match="does not say whose"):
            unresolved.resolve({"data": {}})

    def test_of_a_snapshot_refreshes_all_owners_that_it_names(self) -> None:
        related = RelatedObject(id="di_1", type="discount", customer="cus_1", subscription="sub_1")
        unresolved = self.unresolved(related)
        assert unresolved.complete, "no request needed"
        assert [ref.id for ref in unresolved.resolve(None).values()] == ["cus_1", "sub_1"]

    def test_of_a_snapshot_without_a_customer_refreshes_the_owner_that_it_names(self) -> None:
        related = RelatedObject(id="di_1", type="discount", subscription="sub_1")
        assert ref_of(related, "v1.customer.discount.created") == ref_to(LIVE, "subscription", "sub_1")

    def test_of_a_cash_balance_refreshes_the_balance(self) -> None:
        name = "customer_cash_balance_transaction"
        balance = ref_to(LIVE, "cash_balance", "", "cus_1")
        assert ref_of(RelatedObject(id="ccsbtxn_1", type=name, customer="cus_1"), f"v1.{name}.created") == balance
        url = "/v1/customers/cus_1/cash_balance_transactions/ccsbtxn_1"
        unresolved = self.unresolved(RelatedObject(id="ccsbtxn_1", type=name, url=url), f"v1.{name}.created")
        assert unresolved.resolve(None) == {"customer": balance}

    def unresolved(self, related: RelatedObject, name: str = "v1.customer.discount.created") -> UnresolvedRef:
        found = ref_from_event(event(related, name=name))
        assert isinstance(found, UnresolvedRef)
        return found

    def test_of_a_snapshot_refreshes_the_customer_that_it_names(self) -> None:
        related = RelatedObject(id="di_1", type="discount", customer="cus_1")
        assert ref_of(related, "v1.customer.discount.deleted") == ref_to(LIVE, "customer", "cus_1")

    @pytest.mark.parametrize(
        "url", ["/v1/customers/../discount", "/v1/customers/a?b/discount", "/v1/customers/%2e%2e/discount", "/v1/x"]
    )
    def test_at_a_malicious_url_is_refused(self, url: str) -> None:
        with pytest.raises(PermanentError):
            ref_from_event(event(RelatedObject(id="di_1", type="discount", url=url)))

    @pytest.mark.parametrize("spelled", ["jo@example.com", "jo%40example.com", "%6ao%40example%2Ecom"])
    def test_of_an_owner_whose_id_was_chosen_refreshes_that_owner(self, spelled: str) -> None:
        jo = ref_to(LIVE, "customer", "jo@example.com")
        related = RelatedObject(id="di_1", type="discount", url=f"/v1/customers/{spelled}/discount")
        assert self.unresolved(related).resolve(None) == {"customer": jo}
        card = RelatedObject(id="card_1", type="card", url=f"/v1/customers/{spelled}/sources/card_1")
        assert ref_of(card, "v1.customer.card.created").path == "/v1/customers/jo%40example.com/sources/card_1"
        tax_id = RelatedObject(id="txi_1", type="tax_id", url=f"/v1/customers/{spelled}/tax_ids/txi_1")
        assert ref_of(tax_id, "v1.customer.tax_id.created") == ref_to(LIVE, "tax_id", "txi_1")
        balance = RelatedObject(type="cash_balance", url=f"/v1/customers/{spelled}/cash_balance")
        assert ref_of(balance).path == "/v1/customers/jo%40example.com/cash_balance"
        assert ref_to(LIVE, "tax_id", "txi_1", "jo@example.com").path == "/v1/tax_ids/txi_1"

    @pytest.mark.parametrize("spelled", OWNERS_IN_URLS)
    def test_at_the_url_of_no_customer_is_refused(self, spelled: str) -> None:
        for name, below, identifier in (
            ("discount", "discount", "di_1"),
            ("card", "sources/card_1", "card_1"),
            ("cash_balance", "cash_balance", None),
        ):
            with pytest.raises(PermanentError):
                ref_from_event(event(RelatedObject(id=identifier, type=name, url=f"/v1/customers/{spelled}/{below}")))

    def test_of_an_owner_whose_path_no_key_holds_is_refused(self) -> None:
        assert len(ref_to(LIVE, "cash_balance", "", "a" * 800).path) < 900
        with pytest.raises(PermanentError, match="too long"):
            ref_to(LIVE, "cash_balance", "", "a" * 900)

    @pytest.mark.parametrize("customer", OF_ANY_TYPE)
    def test_with_a_malicious_owner_is_refused(self, customer: str) -> None:
        with pytest.raises(PermanentError):
            ref_from_event(
                event(RelatedObject.model_construct(id="di_1", url=None, type="discount", customer=customer))
            )
