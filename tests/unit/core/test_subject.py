"""What a message is about, and that nothing hostile in it becomes a URL or a key."""

import re
from datetime import UTC, datetime
from urllib.parse import quote, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.core import catalog, items, subject, times
from billing_mirror.core.errors import Refused
from billing_mirror.core.notification import Notification, RelatedObject, Suspicion
from billing_mirror.core.subject import Scope, Subject, Untold, fill, key, named, notified, scope_of, suspected

SUBSCRIPTION = "v2.billing.rate_card_subscription"
RATE = "v2.billing.rate_card_rate"
CADENCE = "v2.billing.cadence"
UNKNOWN = "v2.money.thing"

HOSTILE_IDS = [
    "",
    ".",
    "..",
    "....",
    "a/b",
    "../a",
    "a/..",
    "%2e%2e",
    "a%2fb",
    "a%00",
    "a?b=c",
    "a#b",
    "a&b",
    "a=b",
    "a:b",
    "a@b",
    "a\\b",
    "a b",
    " a",
    "a\n",
    "\na",
    "a\r\nX: y",
    "a\tb",
    "a\x00",
    "{id}",
    "{parent}",
    "{0}",
    "{}",
    "a{",
    "é",
    "\uff0e\uff0e",  # full-width dots, which some normalisations turn into plain ones
    "a\u2028",
    "\u0661",  # a digit, but none of ASCII's
    ":rate_card_id",
    "a" * 256,
]

OF_ANY_ROW = [
    "",
    ".",
    "..",
    "....",
    "../a",
    "a/..",
    "a/../b",
    "/a",
    "a//b",
    "%2e%2e",
    "a%2fb",
    "a%2Fb",
    "a%00",
    "a\\b",
    "a\n",
    "\na",
    "a\r\nX: y",
    "a\tb",
    "a\x00",
    "a\x7f",
    "a" * 256,
]
"""What is hostile even where people may choose the ids."""

CHOSEN_IDS = [
    "25% OFF",
    "Pro plan $699/month",
    "735*%24",
    "2.00$_off",
    "a?b=c",
    "a#b",
    "a@b",
    "a:b",
    "{id}",
    "größe",
    "1001",
]
"""What people have chosen: https://github.com/stripe/stripe-java/issues/736"""

OTHER_URLS = [
    "",
    "rcds_1",
    "/",
    "//api.stripe.com/v2/billing/rate_card_subscriptions/rcds_1",
    "///v2/billing/rate_card_subscriptions/rcds_1",
    "https://api.stripe.com/v2/billing/rate_card_subscriptions/rcds_1",
    "https://evil.example/v2/billing/rate_card_subscriptions/rcds_1",
    "//evil.example/rcds_1",
    "@evil.example/v2/billing/rate_card_subscriptions/rcds_1",
    "/@evil.example/rcds_1",
    "\\\\evil.example\\rcds_1",
    "/v2/billing/rate_card_subscriptions/rcds_1?expand=x",
    "/v2/billing/rate_card_subscriptions/rcds_1?",
    "/v2/billing/rate_card_subscriptions/rcds_1#x",
    "/v2/billing/rate_card_subscriptions/rcds_1/",
    "/v2/billing/rate_card_subscriptions/rcds_1/cancel",
    "/v2/billing/rate_card_subscriptions/rcds_2",
    "/v2/billing/rate_card_subscriptions/rcds_11",
    "/v2/billing/rate_card_subscriptions/{id}",
    "/v2/billing/rate_card_subscriptions/rcds_1\n",
    "/v2/billing/rate_card_subscriptions/\nrcds_1",
    "\n/v2/billing/rate_card_subscriptions/rcds_1",
    " /v2/billing/rate_card_subscriptions/rcds_1",
    "/v2/billing//rate_card_subscriptions/rcds_1",
    "/v2/billing/../rate_card_subscriptions/rcds_1",
    "/v2/./billing/rate_card_subscriptions/rcds_1",
    "/v2/billing/%2e%2e/rate_card_subscriptions/rcds_1",
    "/v2/billing/rate_card_subscriptions/%72cds_1",
    "/v2/billing/{parent}/rcds_1",
    "/v2/{0.__class__}/rcds_1",
    "/v2/bill;ing/rate_card_subscriptions/rcds_1",
    "/v2/billing:x/rate_card_subscriptions/rcds_1",
    "/v3/billing/rate_card_subscriptions/rcds_1",
    "/v22/billing/rate_card_subscriptions/rcds_1",
    "/V2/billing/rate_card_subscriptions/rcds_1",
    "v2/billing/rate_card_subscriptions/rcds_1",
    "/v2/b\u0131ll\u0131ng/rate_card_subscriptions/rcds_1",
]

LIVE = Scope(livemode=True)
SINGLETONS = [row for row in catalog.TYPES.values() if row.singleton and row.of_customer]
IDS = st.from_regex(r"[A-Za-z0-9_.~-]{1,60}", fullmatch=True).filter(lambda text: text.strip("."))


def event(
    related: RelatedObject | None,
    *,
    name: str = "v2.some.event",
    context: str | None = None,
    livemode: bool = True,
) -> Notification:
    return Notification(
        id="evt_1",
        type=name,
        created=datetime(2025, 1, 1, tzinfo=UTC),
        livemode=livemode,
        context=context,
        related_object=related,
    )


def about(type_name: str, object_id: str, url: str) -> Subject:
    found = notified(event(RelatedObject(id=object_id, type=type_name, url=url)))
    assert isinstance(found, Subject)
    return found


def told(related: RelatedObject, name: str = "v1.some.event") -> Subject:
    """The object that an event about this one is about."""
    found = notified(event(related, name=name))
    assert isinstance(found, Subject)
    return found


def hostile_ids(row: catalog.ObjectType) -> list[str]:
    return OF_ANY_ROW if row.chosen_ids else HOSTILE_IDS


class TestIds:
    @pytest.mark.parametrize("text", HOSTILE_IDS)
    def test_what_no_id_of_stripes_looks_like_is_refused(self, text: str) -> None:
        with pytest.raises(Refused):
            subject.checked_id(text)

    @pytest.mark.parametrize("text", ["rcds_test_61Rc0Iuz3V1K", "cus_1", "a", "gold-plan.v2", "..a", "~1", "a" * 255])
    def test_what_an_id_may_look_like_is_taken_as_it_is(self, text: str) -> None:
        assert subject.checked_id(text) == text

    @pytest.mark.parametrize("text", HOSTILE_IDS)
    @pytest.mark.parametrize("type_name", [SUBSCRIPTION, UNKNOWN])
    def test_no_event_brings_one_in(self, text: str, type_name: str) -> None:
        url = f"/v2/billing/rate_card_subscriptions/{text}"
        with pytest.raises(Refused):
            notified(event(RelatedObject.model_construct(id=text, type=type_name, url=url)))

    @pytest.mark.parametrize("text", HOSTILE_IDS)
    def test_no_suspicion_brings_one_in(self, text: str) -> None:
        with pytest.raises(Refused):
            suspected(Suspicion.model_construct(livemode=True, context=None, type=SUBSCRIPTION, id=text, parent=None))

    @pytest.mark.parametrize("text", [text for text in HOSTILE_IDS if text])
    def test_no_parent_is_one(self, text: str) -> None:
        with pytest.raises(Refused):
            suspected(Suspicion.model_construct(livemode=True, context=None, type=RATE, id="rcdr_1", parent=text))

    @given(st.text(max_size=20))
    def test_every_id_that_is_taken_is_one_plain_segment_of_a_url(self, text: str) -> None:
        try:
            path = named(LIVE, CADENCE, text).path
        except Refused:
            return
        assert path == f"/v2/billing/cadences/{text}"
        assert path.isascii()
        assert path.isprintable()
        assert not set(text) & set("/?#%{}:@\\ ")
        assert text.strip(".")


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


class TestAKnownType:
    def test_is_fetched_where_its_row_says(self) -> None:
        found = about(SUBSCRIPTION, "rcds_1", "/v2/billing/rate_card_subscriptions/rcds_1")
        assert found.path == "/v2/billing/rate_card_subscriptions/rcds_1"
        assert found.type == SUBSCRIPTION
        assert found.key == "live#rcds_1"
        assert found.row is catalog.TYPES[SUBSCRIPTION]
        assert not found.needs_parent

    @pytest.mark.parametrize("url", OTHER_URLS)
    def test_is_refused_under_any_other_url(self, url: str) -> None:
        with pytest.raises(Refused):
            notified(event(RelatedObject(id="rcds_1", type=SUBSCRIPTION, url=url)))

    def test_is_refused_under_the_url_of_another_type(self) -> None:
        with pytest.raises(Refused):
            about(SUBSCRIPTION, "rcds_1", "/v2/billing/cadences/rcds_1")

    @pytest.mark.parametrize("row", catalog.TYPES.values(), ids=lambda row: row.name)
    def test_is_recognised_by_the_url_that_is_built_for_it(self, row: catalog.ObjectType) -> None:
        one = named(LIVE, row.name, "id_1", "parent_1" if row.nested else None)
        for name in (row.name, *row.aliases):
            assert told(RelatedObject(id=None if row.singleton else "id_1", type=name, url=one.path)) == one

    @pytest.mark.parametrize("row", catalog.TYPES.values(), ids=lambda row: row.name)
    def test_is_recognised_in_a_suspicion(self, row: catalog.ObjectType) -> None:
        one = named(LIVE, row.name, "id_1", "parent_1" if row.nested else None)
        assert suspected(Suspicion(livemode=True, type=row.name, id=one.id, parent=one.parent)) == one

    @pytest.mark.parametrize("row", catalog.TYPES.values(), ids=lambda row: row.name)
    @pytest.mark.parametrize("url", [url for url in OTHER_URLS if "rate_card_subscriptions/rcds_1" not in url])
    def test_is_refused_under_a_hostile_url_whatever_it_is(self, row: catalog.ObjectType, url: str) -> None:
        with pytest.raises(Refused):
            notified(event(RelatedObject(id="rcds_1", type=row.name, url=url)))

    @pytest.mark.parametrize("row", catalog.TYPES.values(), ids=lambda row: row.name)
    def test_is_refused_with_a_hostile_id_in_its_url(self, row: catalog.ObjectType) -> None:
        for shape in [shape for shape in (row.retrieve, *row.also_at) if "{id}" in shape]:
            for text in hostile_ids(row):
                for spelled in (text, quote(text, safe="")):
                    url = shape.format(id=spelled, parent="parent_1")
                    with pytest.raises(Refused):
                        notified(event(RelatedObject.model_construct(id=text, type=row.name, url=url)))

    @pytest.mark.parametrize("row", catalog.TYPES.values(), ids=lambda row: row.name)
    def test_is_refused_with_a_hostile_parent_in_its_url(self, row: catalog.ObjectType) -> None:
        for shape in [shape for shape in (row.retrieve, *row.also_at) if "{parent}" in shape]:
            for text in HOSTILE_IDS:
                if row.singleton or text != ":rate_card_id":  # that is Stripe's own placeholder
                    url = shape.format(id="id_1", parent=text)
                    with pytest.raises(Refused):
                        notified(event(RelatedObject(id=None if row.singleton else "id_1", type=row.name, url=url)))

    def test_without_an_id_is_refused(self) -> None:
        with pytest.raises(Refused, match="has no id"):
            notified(event(RelatedObject(type=SUBSCRIPTION, url="/v2/billing/rate_card_subscriptions/rcds_1")))

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
        with pytest.raises(Refused, match="another type"):
            notified(event(RelatedObject(id="x_1", type=type_name, url=url), name=name))

    @pytest.mark.parametrize("name", ["v2.billing.rate_card.rate.created", "v2.billing.rate_card_rate.created"])
    @pytest.mark.parametrize("type_name", ["v2.billing.rate_card.rate", RATE])
    def test_may_go_by_an_old_name(self, name: str, type_name: str) -> None:
        url = "/v2/billing/rate_cards/rcd_1/rates/rcdr_1"
        rate = told(RelatedObject(id="rcdr_1", type=type_name, url=url), name)
        assert (rate.type, rate.key, rate.path) == (RATE, "live#rcdr_1", url)

    def test_may_be_suspected_by_an_old_name(self) -> None:
        old = Suspicion(livemode=True, type="v2.billing.rate_card.rate", id="rcdr_1", parent="rcd_1")
        assert suspected(old) == named(LIVE, RATE, "rcdr_1", "rcd_1")

    def test_may_be_named_under_another_url_but_is_fetched_at_its_own(self) -> None:
        url = "/v1/customers/cus_1/tax_ids/txi_1"
        tax_id = told(RelatedObject(id="txi_1", type="tax_id", url=url), "v1.customer.tax_id.created")
        assert (tax_id.path, tax_id.parent) == ("/v1/tax_ids/txi_1", None)

    @given(IDS, IDS)
    def test_finds_its_way_with_every_possible_id(self, identifier: str, parent: str) -> None:
        told = about(RATE, identifier, f"/v2/billing/rate_cards/{parent}/rates/{identifier}")
        assert (told.id, told.parent) == (identifier, parent)
        assert told.path == f"/v2/billing/rate_cards/{parent}/rates/{identifier}"


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
        with pytest.raises(Refused, match="the parent of rcdr_1 is not known"):
            _ = named(LIVE, RATE, "rcdr_1").path

    @pytest.mark.parametrize("parent", [text for text in HOSTILE_IDS if text != ":rate_card_id"])
    def test_is_refused_with_a_hostile_parent(self, parent: str) -> None:
        url = f"/v2/billing/rate_cards/{parent}/rates/rcdr_1"
        with pytest.raises(Refused):
            notified(event(RelatedObject(id="rcdr_1", type=RATE, url=url)))

    @pytest.mark.parametrize("parent", [":", ":Rate", ":a-b", ":a:b", "a:b_id", ":x\n", "::x"])
    def test_is_refused_with_something_like_a_placeholder(self, parent: str) -> None:
        with pytest.raises(Refused):
            about(RATE, "rcdr_1", f"/v2/billing/rate_cards/{parent}/rates/rcdr_1")

    def test_does_not_take_a_placeholder_for_its_own_id(self) -> None:
        with pytest.raises(Refused):
            about(RATE, "rcdr_1", "/v2/billing/rate_cards/rcd_1/rates/:id")


class TestAnUnknownType:
    @pytest.mark.parametrize(
        "url",
        ["/v1/things/th_1", "/v2/money/things/th_1", "/v2/a/b-c/d_e/th_1", "/v1/customers/cus_1/things/th_1"],
    )
    def test_is_fetched_at_its_own_plain_url(self, url: str) -> None:
        thing = about(UNKNOWN, "th_1", url)
        assert thing.path == url
        assert thing.type == UNKNOWN
        assert not thing.needs_parent

    @pytest.mark.parametrize("url", [url for url in OTHER_URLS if url != "/v2/billing/rate_card_subscriptions/rcds_1"])
    def test_is_refused_at_any_url_that_is_not_plain(self, url: str) -> None:
        with pytest.raises(Refused):
            notified(event(RelatedObject(id="rcds_1", type=UNKNOWN, url=url)))

    @pytest.mark.parametrize("row", catalog.TYPES.values(), ids=lambda row: row.name)
    def test_is_refused_at_the_url_of_a_known_one(self, row: catalog.ObjectType) -> None:
        """Else it would be stored over an object of that type: the key does not tell them apart."""
        url = row.retrieve.format(id="x_1", parent="p_1")
        with pytest.raises(Refused, match="of another type"):
            notified(event(RelatedObject(id=None if row.singleton else "x_1", type=UNKNOWN, url=url)))

    @pytest.mark.parametrize(
        "url",
        [
            *(url for row in catalog.TYPES.values() for url in row.also_at),
            *(url for part in catalog.PARTS.values() for url in part.urls),
        ],
    )
    def test_is_refused_at_any_other_url_of_a_known_one(self, url: str) -> None:
        related = RelatedObject(
            id="x_1" if url.endswith("{id}") else None, type=UNKNOWN, url=url.format(id="x_1", parent="p_1")
        )
        with pytest.raises(Refused, match="of another type"):
            notified(event(related))

    @pytest.mark.parametrize("identifier", ["th_1", None])
    def test_is_refused_at_a_url_that_does_not_fit_into_a_key(self, identifier: str | None) -> None:
        longest = "/v1/" + "a" * (subject.LONGEST_PATH - 9) + "/th_1"
        assert told(RelatedObject(id=identifier, type=UNKNOWN, url=longest)).path == longest
        with pytest.raises(Refused, match="too long"):
            notified(event(RelatedObject(id=identifier, type=UNKNOWN, url=longest.replace("/v1/", "/v1/a"))))
        assert len(longest) + len(times.UNKNOWN) <= items.LARGEST_KEY

    def test_is_refused_with_a_placeholder_in_its_url(self) -> None:
        with pytest.raises(Refused):
            about(UNKNOWN, "th_1", "/v2/money/:account/things/th_1")

    @given(st.text(st.sampled_from("/v12a.:%@?#{}\\\n é~_-"), max_size=16))
    def test_no_url_that_is_taken_leaves_the_api(self, middle: str) -> None:
        url = f"/v1{middle}/th_1"
        try:
            path = about(UNKNOWN, "th_1", url).path
        except Refused:
            return
        assert path == url
        assert all(segment and segment.strip(".") for segment in path[1:].split("/"))
        assert not set(path) & set("%:@?#{}\\\n é")

    def test_cannot_be_suspected(self) -> None:
        with pytest.raises(Refused, match="is not in the catalog"):
            suspected(Suspicion(livemode=True, type=UNKNOWN, id="th_1"))

    @pytest.mark.parametrize("url", ["/v1/settings", "/v2/money/the-settings", "/v1/customers/cus_1/settings"])
    def test_without_an_id_is_a_singleton_that_goes_by_its_path(self, url: str) -> None:
        thing = told(RelatedObject(type=UNKNOWN, url=url))
        assert (thing.id, thing.path, thing.key) == (url, url, f"live#{url}")

    @pytest.mark.parametrize("url", [url for url in OTHER_URLS if url != "/v2/billing/rate_card_subscriptions/rcds_2"])
    def test_without_an_id_is_refused_at_any_url_that_is_not_plain(self, url: str) -> None:
        if re.fullmatch(r"/v2(/[a-z_0-9]+)+", url):
            return
        with pytest.raises(Refused):
            notified(event(RelatedObject(type=UNKNOWN, url=url)))

    @given(st.text(st.sampled_from("/v12a.:%@?#{}\\\n é~_-"), max_size=16))
    def test_no_url_without_an_id_leaves_the_api(self, rest: str) -> None:
        try:
            path = told(RelatedObject(type=UNKNOWN, url=f"/v1{rest}")).path
        except Refused:
            return
        assert path == f"/v1{rest}"
        assert all(path[1:].split("/"))
        assert not set(path) & set(".%:@?#{}\\\n é")

    def test_of_a_snapshot_is_ignored_for_nobody_tells_where_it_is(self) -> None:
        assert notified(event(RelatedObject(id="ch_1", type="charge"), name="v1.charge.succeeded")) is None


class TestASingleton:
    """One for each parent: its path is its id."""

    BALANCE = "/v1/customers/cus_1/cash_balance"

    def test_goes_by_its_path(self) -> None:
        balance = told(RelatedObject(type="cash_balance", url=self.BALANCE), "v1.cash_balance.funds_available")
        assert (balance.id, balance.path, balance.parent) == (self.BALANCE, self.BALANCE, "cus_1")
        assert balance.key == f"live#{self.BALANCE}"

    def test_of_a_snapshot_is_the_customers_that_it_names(self) -> None:
        related = RelatedObject(type="cash_balance", customer="cus_1")
        assert told(related, "v1.cash_balance.funds_available").path == self.BALANCE

    def test_whose_owner_nobody_names_is_refused(self) -> None:
        with pytest.raises(Refused, match="does not say whose"):
            notified(event(RelatedObject(type="cash_balance"), name="v1.cash_balance.funds_available"))

    @pytest.mark.parametrize("customer", OF_ANY_ROW)
    def test_of_a_hostile_owner_is_refused(self, customer: str) -> None:
        with pytest.raises(Refused):
            notified(event(RelatedObject.model_construct(id=None, url=None, type="cash_balance", customer=customer)))

    def test_may_have_a_query_of_its_own_and_no_other(self) -> None:
        summary, url = "entitlements.active_entitlement_summary", "/v1/entitlements/active_entitlements?customer=cus_1"
        assert told(RelatedObject(type=summary, url=url)).path == url
        for hostile in (f"{url}&customer=cus_2", f"{url}#x", url.partition("?")[0], url.replace("customer", "limit")):
            with pytest.raises(Refused):
                notified(event(RelatedObject(type=summary, url=hostile)))

    def test_is_the_same_one_however_it_is_named(self) -> None:
        by_name = named(LIVE, "cash_balance", "whatever", "cus_1")
        assert by_name == told(RelatedObject(type="cash_balance", url=self.BALANCE))
        assert by_name == told(RelatedObject(type="cash_balance", customer="cus_1"))

    def test_cannot_be_named_without_its_owner(self) -> None:
        with pytest.raises(Refused):
            named(LIVE, "cash_balance", self.BALANCE)

    def test_is_never_mistaken_for_another_customers(self) -> None:
        keys = {named(LIVE, row.name, "", parent).key for row in SINGLETONS for parent in ("cus_1", "cus_2")}
        assert len(keys) == 2 * len(SINGLETONS)


class TestAPart:
    """A customer's discount has no URL of its own to be fetched at: news of it is news of the customer."""

    def test_is_news_of_its_owner(self) -> None:
        related = RelatedObject(id="di_1", type="discount", url="/v1/customers/cus_1/discount")
        assert told(related, "v1.customer.discount.created") == named(LIVE, "customer", "cus_1")

    def test_of_a_subscription_is_news_of_that(self) -> None:
        related = RelatedObject(id="di_1", type="discount", url="/v1/subscriptions/sub_1/discount")
        assert told(related, "v1.customer.discount.created") == named(LIVE, "subscription", "sub_1")

    def test_of_a_snapshot_is_news_of_the_customer_that_it_names(self) -> None:
        related = RelatedObject(id="di_1", type="discount", customer="cus_1")
        assert told(related, "v1.customer.discount.deleted") == named(LIVE, "customer", "cus_1")

    @pytest.mark.parametrize(
        "url", ["/v1/customers/../discount", "/v1/customers/a@b/discount", "/v1/customers/%2e%2e/discount", "/v1/x"]
    )
    def test_at_a_hostile_url_is_refused(self, url: str) -> None:
        with pytest.raises(Refused):
            notified(event(RelatedObject(id="di_1", type="discount", url=url)))

    @pytest.mark.parametrize("customer", [None, *OF_ANY_ROW])
    def test_of_nobody_or_of_a_hostile_owner_is_refused(self, customer: str | None) -> None:
        with pytest.raises(Refused):
            notified(event(RelatedObject.model_construct(id="di_1", url=None, type="discount", customer=customer)))


class TestAnEventThatIsAnObject:
    @pytest.mark.parametrize("name", catalog.EVENTS)
    @pytest.mark.parametrize(
        "related", [None, RelatedObject(id="mtr_1", type="billing.meter", url="/v1/billing/meters/mtr_1")]
    )
    def test_goes_by_its_own_id(self, name: str, related: RelatedObject | None) -> None:
        found = notified(event(related, name=name))
        assert isinstance(found, Subject)
        assert (found.type, found.id, found.path) == ("v2.core.event", "evt_1", "/v2/core/events/evt_1")


class TestAnEventThatSaysNotWhichObjectItIsAbout:
    @pytest.mark.parametrize("name", ["v1.customer.updated", "v2.billing.rate_card_rate.created", "v1.invoice.paid"])
    def test_is_refused_where_its_type_is_known(self, name: str) -> None:
        with pytest.raises(Refused, match="does not say which object"):
            notified(event(None, name=name))

    @pytest.mark.parametrize("name", catalog.EVENTS)
    def test_is_refused_where_it_is_an_object_itself_and_names_something_hostile(self, name: str) -> None:
        with pytest.raises(Refused):
            notified(event(RelatedObject(id="mtr_1", type="billing.meter", url="/v1/billing/../mtr_1"), name=name))


class TestWhatIsNotTold:
    @pytest.mark.parametrize(
        ("name", "expected"),
        [
            ("v1.customer.discount.source_changed", named(LIVE, "customer", "cus_1")),
            (
                "v1.entitlements.active_entitlement_summary.updated",
                named(LIVE, "entitlements.active_entitlement_summary", "", "cus_1"),
            ),
        ],
    )
    def test_is_known_once_the_owner_is(self, name: str, expected: Subject) -> None:
        untold = notified(event(None, name=name))
        assert isinstance(untold, Untold)
        assert untold.owner == "customer"
        assert untold.owned_by("cus_1") == expected

    @pytest.mark.parametrize("owner", OF_ANY_ROW)
    def test_is_refused_with_a_hostile_owner(self, owner: str) -> None:
        for name in ("v1.customer.discount.source_changed", "v1.entitlements.active_entitlement_summary.updated"):
            untold = notified(event(None, name=name))
            assert isinstance(untold, Untold)
            with pytest.raises(Refused):
                untold.owned_by(owner)

    def test_is_of_the_account_that_the_event_is_of(self) -> None:
        untold = notified(event(None, name="v1.customer.discount.source_changed", context="acct_1"))
        assert isinstance(untold, Untold)
        assert untold.owned_by("cus_1").key == "live/acct_1#customer/cus_1"


class TestWhatIsAboutNothing:
    def test_is_an_event_without_an_object(self) -> None:
        assert notified(event(None)) is None

    @pytest.mark.parametrize("name", ["v1.balance_settings.updated", "v1.account.application.authorized"])
    def test_is_an_event_that_is_ignored_by_its_resource(self, name: str) -> None:
        assert name.rpartition(".")[0] in catalog.IGNORED
        related = RelatedObject(type="balance_settings", url="/v1/balance_settings")
        assert notified(event(related, name=name)) is None

    @pytest.mark.parametrize("name", sorted(catalog.IGNORED))
    def test_is_an_event_that_is_ignored(self, name: str) -> None:
        related = RelatedObject(id="ed_1", type="v2.core.event_destination", url="/v2/core/event_destinations/ed_1")
        assert notified(event(related, name=name)) is None
        assert notified(event(related, name=f"{name}.ping")) is None
        assert notified(event(related)) is not None

    def test_is_an_ignored_event_even_with_something_hostile_in_it(self) -> None:
        related = RelatedObject(id="..", type="v2.core.event_destination", url="//evil.example/..")
        assert notified(event(related, name="v2.core.event_destination.ping", context="nobody")) is None


class TestIdsThatPeopleChoose:
    def test_of_two_types_do_not_meet(self) -> None:
        rows = [row for row in catalog.TYPES.values() if row.chosen_ids]
        keys = {named(LIVE, row.name, "gold").key for row in rows}
        assert keys == {f"live#{row.name}/gold" for row in rows}
        assert len(keys) == len(rows)

    @given(st.sampled_from(CHOSEN_IDS), IDS)
    def test_never_meet_one_of_stripes_own(self, chosen: str, other: str) -> None:
        assert named(LIVE, "plan", chosen).key != named(LIVE, CADENCE, other).key

    @pytest.mark.parametrize("text", CHOSEN_IDS)
    @pytest.mark.parametrize("row", [row for row in catalog.TYPES.values() if row.chosen_ids], ids=lambda row: row.name)
    def test_are_one_plain_segment_of_a_url_whatever_they_hold(self, row: catalog.ObjectType, text: str) -> None:
        one = named(LIVE, row.name, text)
        before, _, segment = one.path.rpartition("/")
        assert f"{before}/{{id}}" == row.retrieve
        assert re.fullmatch(r"([A-Za-z0-9_.~-]|%[0-9A-F]{2})+", segment)
        assert unquote(segment) == text
        assert one.key == f"live#{row.name}/{text}"

    @pytest.mark.parametrize("text", CHOSEN_IDS)
    def test_are_recognised_in_a_url_that_spells_them_out(self, text: str) -> None:
        url = f"/v1/prices/{quote(text, safe='')}"
        assert told(RelatedObject(id=text, type="price", url=url), "v1.price.updated") == named(LIVE, "price", text)

    @pytest.mark.parametrize("text", OF_ANY_ROW)
    @pytest.mark.parametrize("row", [row for row in catalog.TYPES.values() if row.chosen_ids], ids=lambda row: row.name)
    def test_are_refused_where_they_could_lead_elsewhere(self, row: catalog.ObjectType, text: str) -> None:
        with pytest.raises(Refused):
            named(LIVE, row.name, text)

    @pytest.mark.parametrize("text", [text for text in CHOSEN_IDS if not text.isalnum() or not text.isascii()])
    def test_are_not_allowed_to_others(self, text: str) -> None:
        with pytest.raises(Refused):
            named(LIVE, "invoice", text)

    @given(st.text(max_size=30))
    def test_never_change_the_path_that_they_are_in(self, text: str) -> None:
        try:
            path = named(LIVE, "price", text).path
        except Refused:
            return
        assert path.count("/") == 3
        assert path.isascii()
        assert not set(path) & set("?#{}:@\\ ")
        assert unquote(path.removeprefix("/v1/prices/")) == text
        assert path.rpartition("/")[2].strip(".")

    def test_are_not_asked_of_a_type_that_nobody_knows(self) -> None:
        assert key("live", None, "x_1") == "live#x_1" == key("live", catalog.TYPES[CADENCE], "x_1")


class TestNeighbours:
    def test_an_object_beside_another_is_of_the_same_scope(self) -> None:
        scope = scope_of(livemode=False, context="acct_1")
        assert named(scope, SUBSCRIPTION, "rcds_1").beside(CADENCE, "bc_1") == named(scope, CADENCE, "bc_1")

    def test_a_hostile_reference_is_refused(self) -> None:
        with pytest.raises(Refused):
            named(LIVE, SUBSCRIPTION, "rcds_1").beside(CADENCE, "../rate_cards")


class TestFilling:
    def test_fills_both_placeholders(self) -> None:
        assert fill("/p/{parent}/c/{id}", id="i", parent="p") == "/p/p/c/i"

    def test_escapes_what_could_change_the_path(self) -> None:
        assert fill("/c/{id}", id="a/b?c", parent=None) == "/c/a%2Fb%3Fc"

    def test_needs_a_parent_only_where_one_is_asked_for(self) -> None:
        assert fill("{id}", id="i", parent=None) == "i"
        with pytest.raises(Refused, match="the parent of i is not known"):
            fill("/p/{parent}", id="i", parent=None)

    def test_leaves_a_plain_text_as_it_is(self) -> None:
        assert fill("all", id="i", parent=None, customer=None) == "all"
