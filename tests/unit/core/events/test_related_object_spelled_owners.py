"""Events that name a customer in their URL only, by an id that people chose: no spelling of it loses an event."""

from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.core.errors import PermanentError
from billing_mirror.core.events.messages import RelatedObject
from billing_mirror.core.events.related_object import UnresolvedRef, ref_from_event
from billing_mirror.core.object_ref import ObjectRef, ref_to

from .object_refs import LIVE, event, ref_of

SPELLED = {
    "jo+smith@example.com": "jo+smith@example.com",
    "jo%2Bsmith%40example.com": "jo+smith@example.com",
    "jo smith": "jo smith",
    "jo%20smith": "jo smith",
    "a&b=c": "a&b=c",
    "é": "é",
    "%c3%a9": "é",
    "100%": "100%",
    "100% off": "100% off",
    "100%25": "100%",
    "a%zz": "a%zz",
    "a%ff": "a%ff",
    "x_\uff11": "x_\uff11",
    'a"b': 'a"b',
    "%252e%252e": "%2e%2e",
}
"""Spellings in a URL, each with the id that it stands for where nothing else confirms one."""
SUMMARY = "entitlements.active_entitlement_summary"


def summary(spelled: str, **fields: str) -> ObjectRef | UnresolvedRef | None:
    url = f"/v1/entitlements/active_entitlements?customer={spelled}"
    return ref_from_event(event(RelatedObject(type=SUMMARY, url=url, **fields)))


def owners(spelled: str, shown: str | None = None) -> set[str]:
    """The ids of the owners of a discount at this URL; the fetched event shows a customer."""
    related = RelatedObject(id="di_1", type="discount", url=f"/v1/customers/{spelled}/discount")
    found = ref_from_event(event(related, name="v1.customer.discount.created"))
    assert isinstance(found, UnresolvedRef)
    return {one.id for one in found.resolve({"data": {"customer": shown}}).values()}


@pytest.mark.parametrize(("spelled", "identifier"), SPELLED.items())
class TestAnOwnerThatOnlyTheUrlNames:
    def test_has_the_discount(self, spelled: str, identifier: str) -> None:
        assert owners(spelled) == {identifier}

    def test_has_the_cash_balance(self, spelled: str, identifier: str) -> None:
        balance = RelatedObject(type="cash_balance", url=f"/v1/customers/{spelled}/cash_balance")
        assert ref_of(balance) == ref_to(LIVE, "cash_balance", "", identifier)

    def test_is_in_the_url_of_an_object_of_an_unknown_type(self, spelled: str, identifier: str) -> None:
        card = RelatedObject(id="card_1", type="card", url=f"/v1/customers/{spelled}/sources/card_1")
        path = ref_of(card, "v1.customer.card.created").path
        assert path == f"/v1/customers/{quote(identifier, safe='')}/sources/card_1"

    def test_does_not_matter_to_an_object_with_an_id(self, spelled: str, identifier: str) -> None:
        assert identifier
        tax_id = RelatedObject(id="txi_1", type="tax_id", url=f"/v1/customers/{spelled}/tax_ids/txi_1")
        assert ref_of(tax_id, "v1.customer.tax_id.created") == ref_to(LIVE, "tax_id", "txi_1")


@pytest.mark.parametrize(
    ("spelled", "identifier"),
    [
        ("jo+smith", "jo smith"),
        ("jo+smith", "jo+smith"),
        ("jo%2540example.com", "jo@example.com"),
        ("jo%2540example.com", "jo%40example.com"),
        ("a%252Fb+c", "a/b+c"),
        ("a%40b", "a%40b"),
    ],
)
class TestASpellingOfTwoIds:
    def test_stands_for_the_one_of_the_fetched_event(self, spelled: str, identifier: str) -> None:
        assert owners(spelled, shown=identifier) == {identifier}

    def test_of_a_summary_too(self, spelled: str, identifier: str) -> None:
        found = summary(spelled)
        assert isinstance(found, UnresolvedRef)
        shown = found.resolve({"data": {"customer": identifier}})
        assert [*shown.values()] == [ref_to(LIVE, SUMMARY, "", identifier)]

    def test_stands_for_the_one_that_the_message_names(self, spelled: str, identifier: str) -> None:
        url = f"/v1/customers/{spelled}/cash_balance"
        balance = RelatedObject(type="cash_balance", url=url, customer=identifier)
        assert ref_of(balance) == ref_to(LIVE, "cash_balance", "", identifier)


def test_a_message_names_no_owner_but_one_that_the_url_spells() -> None:
    balance = RelatedObject(type="cash_balance", url="/v1/customers/jo+smith/cash_balance", customer="cus_9")
    assert ref_of(balance) == ref_to(LIVE, "cash_balance", "", "jo+smith")


def test_a_summary_of_two_ids_is_that_of_the_literal_one_where_no_event_shows_one() -> None:
    found = summary("jo+smith")
    assert isinstance(found, UnresolvedRef)
    assert [*found.resolve(None).values()] == [ref_to(LIVE, SUMMARY, "", "jo+smith")]


class TestASlash:
    """Not quoted, it may belong to the owner's id or part two names."""

    def test_belongs_to_the_owner_where_the_rest_of_the_url_is_the_types(self) -> None:
        tax_id = RelatedObject(id="txi_1", type="tax_id", url="/v1/customers/a/b c/tax_ids/txi_1")
        assert ref_of(tax_id, "v1.customer.tax_id.created") == ref_to(LIVE, "tax_id", "txi_1")
        balance = RelatedObject(type="cash_balance", url="/v1/customers/a/b/cash_balance")
        assert ref_of(balance) == ref_to(LIVE, "cash_balance", "", "a/b")

    @pytest.mark.parametrize("spelled", ["a/b", "a b/c", "cus_1/subscriptions/sub_1"])
    def test_leaves_the_owner_of_a_part_to_the_fetched_event(self, spelled: str) -> None:
        """Stripe has had URLs of discounts below a customer's subscription."""
        assert owners(spelled, shown="cus_9") == {"cus_9"}
        with pytest.raises(PermanentError, match="does not say whose"):
            owners(spelled)


@pytest.mark.parametrize("spelled", ["cus_1&limit=2", "a&b", "a#b", "..", "%2e%2e", "", "a/..", "a%0a"])
def test_a_spelling_that_leads_elsewhere_in_a_query_is_refused(spelled: str) -> None:
    with pytest.raises(PermanentError):
        summary(spelled)


@given(st.text(max_size=20), st.booleans())
def test_no_owner_leaves_its_segment(text: str, quoted: bool) -> None:
    spelled = quote(text.encode("utf-8", "replace"), safe="") if quoted else text
    balance = RelatedObject.model_construct(
        id=None, type="cash_balance", url=f"/v1/customers/{spelled}/cash_balance", customer=None
    )
    try:
        path = ref_of(balance).path
    except PermanentError:
        return
    segment = path.removeprefix("/v1/customers/").removesuffix("/cash_balance")
    assert "/" not in segment
    assert unquote(segment) not in ("", ".", "..")
    assert segment.isascii()
    assert not set(segment) & set("?#{}:@\\ &=+")
