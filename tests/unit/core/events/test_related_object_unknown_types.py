"""An object of a type outside the catalog is fetched where its event says, if that is plain and no known type's."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from billing_mirror.core import catalog, object_ref, times
from billing_mirror.core.errors import PermanentError
from billing_mirror.core.events.messages import RefreshRequest, RelatedObject
from billing_mirror.core.events.related_object import ref_from_event, ref_from_request
from billing_mirror.core.table import items

from .malicious import OTHER_URLS
from .object_refs import UNKNOWN, about, event, ref_of


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
        with pytest.raises(PermanentError):
            ref_from_event(event(RelatedObject(id="rcds_1", type=UNKNOWN, url=url)))

    @pytest.mark.parametrize("object_type", catalog.TYPES.values(), ids=lambda object_type: object_type.name)
    def test_is_refused_at_the_url_of_a_known_one(self, object_type: catalog.ObjectType) -> None:
        """Otherwise it would replace an object of that type, which has the same key."""
        url = object_type.retrieve.format(id="x_1", parent="p_1")
        with pytest.raises(PermanentError, match="of another type"):
            ref_from_event(event(RelatedObject(id=None if object_type.singleton else "x_1", type=UNKNOWN, url=url)))

    @pytest.mark.parametrize(
        "url",
        [
            *(url for object_type in catalog.TYPES.values() for url in object_type.alternate_urls),
            *(url for part in catalog.PARTS.values() for url in part.urls),
        ],
    )
    def test_is_refused_at_any_other_url_of_a_known_one(self, url: str) -> None:
        related = RelatedObject(
            id="x_1" if url.endswith("{id}") else None, type=UNKNOWN, url=url.format(id="x_1", parent="p_1")
        )
        with pytest.raises(PermanentError, match="of another type"):
            ref_from_event(event(related))

    @pytest.mark.parametrize("identifier", ["th_1", None])
    def test_is_refused_at_a_url_that_does_not_fit_into_a_key(self, identifier: str | None) -> None:
        longest = "/v1/" + "a" * (object_ref.MAX_PATH - 9) + "/th_1"
        assert ref_of(RelatedObject(id=identifier, type=UNKNOWN, url=longest)).path == longest
        with pytest.raises(PermanentError, match="too long"):
            ref_from_event(event(RelatedObject(id=identifier, type=UNKNOWN, url=longest.replace("/v1/", "/v1/a"))))
        assert len(longest) + len(times.UNKNOWN) <= items.MAX_KEY

    def test_has_its_type_in_its_key(self) -> None:
        one, other = about("account", "acct_1", "/v1/accounts/acct_1"), about(UNKNOWN, "acct_1", "/v2/accounts/acct_1")
        assert (one.key, other.key) == ("live#account/acct_1", f"live#{UNKNOWN}/acct_1")
        for ref in (one, other):
            assert object_ref.partition_key_of("live", ref.type, ref.id) == ref.key

    def test_is_refused_with_a_placeholder_in_its_url(self) -> None:
        with pytest.raises(PermanentError):
            about(UNKNOWN, "th_1", "/v2/money/:account/things/th_1")

    @given(st.text(st.sampled_from("/v12a.:%@?#{}\\\n é~_-"), max_size=16))
    def test_no_url_that_is_taken_leaves_the_api(self, middle: str) -> None:
        url = f"/v1{middle}/th_1"
        try:
            path = about(UNKNOWN, "th_1", url).path
        except PermanentError:
            return
        assert path == url
        assert all(segment and segment.strip(".") for segment in path[1:].split("/"))
        assert not set(path) & set("%:@?#{}\\\n é")

    def test_cannot_be_requested(self) -> None:
        with pytest.raises(PermanentError, match="is not in the catalog"):
            ref_from_request(RefreshRequest(livemode=True, type=UNKNOWN, id="th_1"))

    @pytest.mark.parametrize("url", ["/v1/settings", "/v2/money/the-settings", "/v1/customers/cus_1/settings"])
    def test_without_an_id_is_a_singleton_that_goes_by_its_path(self, url: str) -> None:
        thing = ref_of(RelatedObject(type=UNKNOWN, url=url))
        assert (thing.id, thing.path, thing.key) == (url, url, f"live#{url}")

    @pytest.mark.parametrize("url", [url for url in OTHER_URLS if url != "/v2/billing/rate_card_subscriptions/rcds_2"])
    def test_without_an_id_is_refused_at_any_url_that_is_not_plain(self, url: str) -> None:
        if re.fullmatch(r"/v2(/[a-z_0-9]+)+", url):
            return
        with pytest.raises(PermanentError):
            ref_from_event(event(RelatedObject(type=UNKNOWN, url=url)))

    @given(st.text(st.sampled_from("/v12a.:%@?#{}\\\n é~_-"), max_size=16))
    def test_no_url_without_an_id_leaves_the_api(self, rest: str) -> None:
        try:
            path = ref_of(RelatedObject(type=UNKNOWN, url=f"/v1{rest}")).path
        except PermanentError:
            return
        assert path == f"/v1{rest}"
        assert all(path[1:].split("/"))
        assert not set(path) & set(".%:@?#{}\\\n é")

    def test_of_a_snapshot_is_ignored_because_it_has_no_url(self) -> None:
        assert ref_from_event(event(RelatedObject(id="ch_1", type="charge"), name="v1.charge.succeeded")) is None
