"""Which ids are taken, also of those that people choose: none changes the URL or the key that it is put into."""

import re
from collections.abc import Callable
from hashlib import sha256
from urllib.parse import quote, quote_plus, unquote

import pytest
from hypothesis import given
from hypothesis import strategies as st
from requests import PreparedRequest

from billing_mirror.core import catalog
from billing_mirror.core.errors import PermanentError
from billing_mirror.core.events.messages import RefreshRequest, RelatedObject
from billing_mirror.core.events.related_object import ref_from_event, ref_from_request
from billing_mirror.core.object_ref import fill_template, partition_key, ref_to, validate_id

from .events.malicious import MALICIOUS_IDS, OF_ANY_TYPE
from .events.object_refs import CADENCE, IDS, LIVE, RATE, SUBSCRIPTION, UNKNOWN, event, ref_of

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
    "...",
    "a..b",
    "../a",
    "a/..",
    "a/../b",
    "/a",
    "//",
    "a//b",
    "a\\b",
    "..\\a",
    "%2e%2e",
    "%2E%2E%2F",
    "a%2fb",
    "a%00",
    "\uff0e\uff0e",
    "jo@example.com",
    " ",
    "é" * 400,
]
"""What people have chosen: https://github.com/stripe/stripe-java/issues/736"""


class TestIds:
    @pytest.mark.parametrize("text", MALICIOUS_IDS)
    def test_text_that_is_no_stripe_id_is_refused(self, text: str) -> None:
        with pytest.raises(PermanentError):
            validate_id(text)

    @pytest.mark.parametrize("text", ["rcds_test_61Rc0Iuz3V1K", "cus_1", "a", "gold-plan.v2", "..a", "~1", "a" * 255])
    def test_a_valid_id_stays_unchanged(self, text: str) -> None:
        assert validate_id(text) == text

    @pytest.mark.parametrize("text", MALICIOUS_IDS)
    @pytest.mark.parametrize("type_name", [SUBSCRIPTION, UNKNOWN])
    def test_an_event_cannot_name_one(self, text: str, type_name: str) -> None:
        url = f"/v2/billing/rate_card_subscriptions/{text}"
        with pytest.raises(PermanentError):
            ref_from_event(event(RelatedObject.model_construct(id=text, type=type_name, url=url)))

    @pytest.mark.parametrize("text", MALICIOUS_IDS)
    def test_a_refresh_request_cannot_smuggle_one_in(self, text: str) -> None:
        with pytest.raises(PermanentError):
            ref_from_request(
                RefreshRequest.model_construct(livemode=True, context=None, type=SUBSCRIPTION, id=text, parent=None)
            )

    @pytest.mark.parametrize("text", [text for text in MALICIOUS_IDS if text])
    def test_a_refresh_request_cannot_name_one_as_its_parent(self, text: str) -> None:
        with pytest.raises(PermanentError):
            ref_from_request(
                RefreshRequest.model_construct(livemode=True, context=None, type=RATE, id="rcdr_1", parent=text)
            )

    @given(st.text(max_size=20))
    def test_every_id_that_is_taken_is_one_plain_segment_of_a_url(self, text: str) -> None:
        try:
            path = ref_to(LIVE, CADENCE, text).path
        except PermanentError:
            return
        assert path == f"/v2/billing/cadences/{text}"
        assert path.isascii()
        assert path.isprintable()
        assert not set(text) & set("/?#%{}:@\\ ")
        assert text.strip(".")


class TestIdsThatPeopleChoose:
    def test_of_two_types_do_not_meet(self) -> None:
        object_types = [object_type for object_type in catalog.TYPES.values() if object_type.chosen_ids]
        keys = {ref_to(LIVE, object_type.name, "gold").key for object_type in object_types}
        assert keys == {f"live#{object_type.name}/gold" for object_type in object_types}
        assert len(keys) == len(object_types)

    @given(st.sampled_from(CHOSEN_IDS), IDS)
    def test_never_meet_one_of_stripes_own(self, chosen: str, other: str) -> None:
        assert ref_to(LIVE, "plan", chosen).key != ref_to(LIVE, CADENCE, other).key

    @pytest.mark.parametrize("text", CHOSEN_IDS)
    @pytest.mark.parametrize(
        "object_type",
        [object_type for object_type in catalog.TYPES.values() if object_type.chosen_ids],
        ids=lambda object_type: object_type.name,
    )
    def test_are_one_plain_segment_of_a_url_whatever_they_hold(
        self, object_type: catalog.ObjectType, text: str
    ) -> None:
        one = ref_to(LIVE, object_type.name, text)
        before, _, segment = one.path.rpartition("/")
        assert f"{before}/{{id}}" == object_type.retrieve
        assert re.fullmatch(r"([A-Za-z0-9_.~-]|%[0-9A-F]{2})+", segment)
        assert unquote(segment) == text
        assert one.key == f"live#{object_type.name}/{text}"

    @pytest.mark.parametrize("text", CHOSEN_IDS)
    def test_are_recognised_in_a_url_that_spells_them_out(self, text: str) -> None:
        url = f"/v1/prices/{quote(text, safe='')}"
        assert ref_of(RelatedObject(id=text, type="price", url=url), "v1.price.updated") == ref_to(LIVE, "price", text)

    @pytest.mark.parametrize("text", OF_ANY_TYPE)
    @pytest.mark.parametrize(
        "object_type",
        [object_type for object_type in catalog.TYPES.values() if object_type.chosen_ids],
        ids=lambda object_type: object_type.name,
    )
    def test_are_refused_where_they_could_lead_elsewhere(self, object_type: catalog.ObjectType, text: str) -> None:
        with pytest.raises(PermanentError):
            ref_to(LIVE, object_type.name, text)

    @pytest.mark.parametrize("text", [text for text in CHOSEN_IDS if text not in ("1001", "a..b")])
    def test_are_not_allowed_to_others(self, text: str) -> None:
        with pytest.raises(PermanentError):
            ref_to(LIVE, "invoice", text)

    @given(st.text(max_size=30))
    def test_never_change_the_path_that_they_are_in(self, text: str) -> None:
        try:
            path = ref_to(LIVE, "price", text).path
        except PermanentError:
            return
        assert path.count("/") == 3
        assert path.isascii()
        assert not set(path) & set("?#{}:@\\ ")
        assert unquote(path.removeprefix("/v1/prices/")) == text
        assert path.rpartition("/")[2] not in (".", "..")
        prepared = PreparedRequest()
        prepared.prepare_url(f"http://127.0.0.1{path}", None)
        assert prepared.url == f"http://127.0.0.1{path}"

    @pytest.mark.parametrize("text", [*CHOSEN_IDS, "é" * 5000, "/" * 5000])
    def test_reach_stripe_as_they_are(self, text: str) -> None:
        path = ref_to(LIVE, "price", text).path
        prepared = PreparedRequest()
        prepared.prepare_url(f"http://127.0.0.1{path}", None)
        assert prepared.url == f"http://127.0.0.1{path}"

    @pytest.mark.parametrize("text", ["a" * 901, "a" * 5000, "é" * 451])
    def test_that_are_long_have_a_digest_in_the_key(self, text: str) -> None:
        ref = ref_to(LIVE, "coupon", text)
        digest = sha256(text.encode()).hexdigest()
        assert (ref.id, ref.key) == (text, f"live#coupon/sha256:{digest}")
        assert unquote(ref.path) == f"/v1/coupons/{text}"
        assert ref_to(LIVE, "coupon", "a" * 900).key == "live#coupon/" + "a" * 900

    @pytest.mark.parametrize("text", [text for text in CHOSEN_IDS if text.strip("/")])
    @pytest.mark.parametrize(
        "spell",
        [
            lambda text: quote(text, safe=""),
            lambda text: quote(text, safe="/()$ "),
            lambda text: quote(text, safe="!'()*;:@&=+$,?#~"),
            lambda text: quote(text, safe="").lower().replace("%2f", "/"),
            lambda text: "".join(f"%{byte:02x}" for byte in text.encode()),
            quote_plus,
        ],
    )
    @pytest.mark.parametrize("name", ["price", "plan", "coupon", "product", "customer"])
    def test_are_recognised_in_any_spelling(self, text: str, spell: Callable[[str], str], name: str) -> None:
        text = text.lower()
        url = f"/v1/{name}s/{spell(text)}"
        assert ref_of(RelatedObject(id=text, type=name, url=url), f"v1.{name}.updated") == ref_to(LIVE, name, text)

    @pytest.mark.parametrize("spelled", ["a%2fc", "a%252fb", "b", "a%2fb/", "a%2fb?x", "a%2fb/../c"])
    def test_are_recognised_in_no_other(self, spelled: str) -> None:
        with pytest.raises(PermanentError):
            ref_of(RelatedObject(id="a/b", type="plan", url=f"/v1/plans/{spelled}"), "v1.plan.updated")

    def test_are_not_accepted_for_an_unknown_type(self) -> None:
        assert partition_key("live", None, "x_1") == "live#x_1" == partition_key("live", catalog.TYPES[CADENCE], "x_1")


class TestFilling:
    def test_fills_both_placeholders(self) -> None:
        assert fill_template("/p/{parent}/c/{id}", id="i", parent="p") == "/p/p/c/i"

    def test_escapes_what_could_change_the_path(self) -> None:
        assert fill_template("/c/{id}", id="a/b?c", parent=None) == "/c/a%2Fb%3Fc"

    def test_needs_a_parent_only_where_the_template_names_one(self) -> None:
        assert fill_template("{id}", id="i", parent=None) == "i"
        with pytest.raises(PermanentError, match="the parent of i is not known"):
            fill_template("/p/{parent}", id="i", parent=None)

    def test_leaves_a_plain_text_as_it_is(self) -> None:
        assert fill_template("all", id="i", parent=None, customer=None) == "all"
