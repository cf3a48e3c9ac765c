"""Every row of the catalog against what Stripe publishes, and the rows against each other."""

import dataclasses
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from billing_mirror.core import catalog, json_body
from billing_mirror.core.catalog import ApiChannel, Category, CompareInterval, Listing, ObjectType, Reference
from billing_mirror.core.messages import Notification, RelatedObject
from billing_mirror.core.object_ref import ObjectRef, UnresolvedRef, fill_template, ref_from_event
from tests.doubles.samples import SAMPLES, sample

TESTS = Path(__file__).parents[2]


def unnamed(url: str) -> str:
    """A URL without its query and the names of its placeholders."""
    return re.sub(r"\{[a-z_]+\}", "{}", url.partition("?")[0])


def table(name: str) -> dict[str, str]:
    lines = [line for line in (TESTS / name).read_text().splitlines() if not line.startswith("#")]
    return dict(line.split(" ") for line in lines)


PUBLISHED = {unnamed(path): line for path, line in table("published_paths.txt").items()}
"""Paths with their placeholders unnamed, and which library knows them."""
EVENT_TYPES = table("published_event_types.txt")
"""Event types and what their related object is; ``-`` where they have none."""

IN_THEIR_OWNER = {"entitlements.active_entitlement": "entitlements.active_entitlement_summary"}
"""Samples of what is no row: it is mirrored in the body of another object."""

WITHOUT_A_TIME = {"billing.alert", "cash_balance", "entitlements.feature"}
"""Types whose objects do not say when they were created."""

ROWS = pytest.mark.parametrize("object_type", catalog.TYPES.values(), ids=lambda object_type: object_type.name)


def urls(object_type: ObjectType) -> list[str]:
    listed = [listing.url for listing in object_type.listings]
    return [
        object_type.retrieve,
        *object_type.alternate_urls,
        *listed,
        *(sublist.url for sublist in object_type.sublists),
    ]


def placeholders(*texts: str) -> set[str]:
    return set(re.findall(r"\{(.*?)\}", " ".join(texts)))


def vias(object_type: ObjectType) -> list[Reference]:
    customer = [object_type.customer] if isinstance(object_type.customer, Reference) else []
    return [*customer, *object_type.references, *([object_type.changes] if object_type.changes else [])]


def paths(object_type: ObjectType) -> Iterator[str]:
    """Where the row looks for something in the body."""
    created = None if object_type.name in WITHOUT_A_TIME else object_type.created
    named = [object_type.parent, created, object_type.status, object_type.collection_status]
    yield from (path for path in named if path)
    yield from (via.path for via in vias(object_type))
    yield from (sublist.path for sublist in object_type.sublists if sublist.path)
    yield from (name for name in object_type.include if ".data." not in name)
    if isinstance(object_type.customer, str):
        yield object_type.customer


@ROWS
class TestEveryRow:
    def test_is_found_under_its_own_name_and_its_old_ones(self, object_type: ObjectType) -> None:
        assert catalog.TYPES[object_type.name] is object_type
        for name in (object_type.name, *object_type.aliases):
            assert catalog.find_type(name) is object_type

    def test_asks_only_for_paths_that_stripe_publishes(self, object_type: ObjectType) -> None:
        assert {unnamed(url) for url in urls(object_type)} <= PUBLISHED.keys()

    def test_is_read_with_a_version_that_knows_its_paths(self, object_type: ObjectType) -> None:
        for url in urls(object_type):
            assert object_type.api.value in PUBLISHED[unnamed(url)].split("+")

    def test_has_no_placeholder_but_its_own_id_and_its_parent(self, object_type: ObjectType) -> None:
        for url in (object_type.retrieve, *object_type.alternate_urls):
            assert placeholders(url) <= {"id", "parent"}
            assert url.count("{id}") == (0 if object_type.singleton else 1)
        assert object_type.singleton or object_type.retrieve.endswith("/{id}")
        for sublist in object_type.sublists:
            assert placeholders(sublist.url, *sublist.query.values()) <= placeholders(object_type.retrieve)

    def test_lists_its_objects_where_one_of_them_is_retrieved(self, object_type: ObjectType) -> None:
        for listing in object_type.listings:
            shapes = {unnamed(url) for url in (object_type.retrieve, *object_type.alternate_urls)}
            assert f"{unnamed(listing.url)}/{{}}" in shapes

    def test_is_listed_as_a_whole_or_for_each_object_of_a_type_that_is_in_the_catalog(
        self, object_type: ObjectType
    ) -> None:
        for listing in object_type.listings:
            asked = placeholders(listing.url, *listing.query.values())
            if listing.per is None:
                assert not asked
            else:
                assert "id" in asked
                assert listing.per in catalog.TYPES
                assert asked <= ids_of(catalog.TYPES[listing.per])
                assert not listing.hidden_filters, "only the plain list is asked twice"

    def test_can_be_fetched_with_the_parent_that_its_list_tells(self, object_type: ObjectType) -> None:
        """The parent is either what the list is asked for, or the parent of that."""
        for listing in object_type.listings:
            if object_type.nested:
                assert listing.per is not None
                parent = "{parent}" in listing.url
                assert parent == ("{id}" not in listing.url)
                assert not parent or catalog.TYPES[listing.per].nested

    def test_learns_its_parent_from_its_url_or_its_event(self, object_type: ObjectType) -> None:
        told = [name for name in EVENT_TYPES if catalog.RESOURCES.get(name.rpartition(".")[0]) == object_type.name]
        if object_type.owner_in_event is not None:
            assert object_type.nested
        elif object_type.nested and told:
            assert object_type.parent_is_customer, "a snapshot or the URL tells the customer"

    def test_points_to_rows_that_need_no_parent(self, object_type: ObjectType) -> None:
        for via in vias(object_type):
            assert not catalog.TYPES[via.type].nested

    def test_finds_its_customer_through_a_row_that_knows_its_own(self, object_type: ObjectType) -> None:
        if isinstance(object_type.customer, Reference):
            assert isinstance(catalog.TYPES[object_type.customer.type].customer, str)

    def test_comes_after_every_type_that_it_is_listed_by_or_finds_its_customer_through(
        self, object_type: ObjectType
    ) -> None:
        order = list(catalog.TYPES)
        owners = [listing.per for listing in object_type.listings if listing.per]
        if isinstance(object_type.customer, Reference):
            owners.append(object_type.customer.type)
        for name in owners:
            assert order.index(name) < order.index(object_type.name)

    def test_has_members_with_one_list_for_each_of_its_objects(self, object_type: ObjectType) -> None:
        for name in object_type.members:
            listing = catalog.TYPES[name].listing_per(object_type.name)
            assert placeholders(listing.url, *listing.query.values()) <= placeholders(object_type.retrieve)
            assert not catalog.TYPES[name].include, "the list would not show what a fetch does"

    def test_belongs_to_one_nature_and_one_line_of_versions(self, object_type: ObjectType) -> None:
        assert object_type.category in Category
        assert object_type.api in ApiChannel
        assert (object_type.api is ApiChannel.PREVIEW) is object_type.retrieve.startswith("/v2/billing/")
        assert object_type.interval in CompareInterval

    def test_cannot_be_changed(self, object_type: ObjectType) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            object_type.name = "x"  # type: ignore[misc]

    def test_is_heard_of_somehow(self, object_type: ObjectType) -> None:
        """By an event, a list (which is how members are found too), a reference, or the sweep."""
        by_event = object_type.name in catalog.RESOURCES.values() and any(
            told_by(name) is object_type for name in EVENT_TYPES
        )
        by_reference = any(via.type == object_type.name for other in catalog.TYPES.values() for via in other.references)
        assert by_event or object_type.listings or by_reference or object_type is catalog.USAGE

    def test_is_silent_exactly_where_stripe_publishes_no_event_of_it(self, object_type: ObjectType) -> None:
        spoken_of = any(told_by(name) is object_type for name in EVENT_TYPES)
        assert object_type.sends_no_events is not spoken_of

    def test_looks_only_where_stripe_shows_something(self, object_type: ObjectType) -> None:
        """Judged by a sample of the type; ``null`` is something too."""
        if not (SAMPLES / f"{object_type.name}.json").exists():
            assert object_type.name in {*IN_THEIR_OWNER.values(), catalog.USAGE.name}
            return
        shown = sample(object_type.name)
        for path in paths(object_type):
            outer, _, last = path.rpartition(".")
            inner = json_body.value_at(shown, outer)
            assert inner is None or (isinstance(inner, dict) and last in inner), path


def ids_of(owner: ObjectType) -> set[str]:
    """Placeholders that an object of this type can fill in a list that is asked for it."""
    return {"id", *(["parent"] if owner.parent or owner.nested else []), *(["customer"] if owner.customer else [])}


def related_object(name: str, type_name: str) -> RelatedObject | None:
    """What a thin event has there, with a plain id and the URL of the type."""
    if type_name == "-":
        return None
    part, object_type = catalog.PARTS.get(type_name), catalog.find_type(type_name)
    url = next(iter(part.urls)) if part else object_type.retrieve if object_type else ""
    parent = "" if part or not object_type or not object_type.nested else "parent_1"
    has_id = not object_type or not object_type.singleton
    assert url, f"{name} is about {type_name}, which no row or part has"
    return RelatedObject(
        id="id_1" if has_id else None, type=type_name, url=fill_template(url, id="id_1", parent=parent)
    )


def told(name: str) -> ObjectRef | UnresolvedRef | None:
    return ref_from_event(
        Notification(
            id="evt_1",
            type=name,
            created=datetime(2026, 1, 1, tzinfo=UTC),
            livemode=False,
            related_object=related_object(name, EVENT_TYPES[name]),
        )
    )


def told_by(name: str) -> ObjectType | None:
    found = told(name)
    return found.object_type if found else None


class TestEveryPublishedEvent:
    @pytest.mark.parametrize("name", EVENT_TYPES)
    def test_is_about_what_stripe_says_that_it_is_about(self, name: str) -> None:
        found = told(name)
        if name in catalog.EVENT_OBJECTS:
            assert (found.object_type, found.id) == (catalog.EVENT_OBJECTS[name], "evt_1")  # type: ignore[union-attr]
        elif name in catalog.IGNORED:
            assert found is None
        elif EVENT_TYPES[name] == "-":
            assert isinstance(found, UnresolvedRef)
            assert found.owner
        else:
            part = catalog.PARTS.get(EVENT_TYPES[name])
            assert isinstance(found, ObjectRef)
            assert found.type == (part.of if part else EVENT_TYPES[name])

    @pytest.mark.parametrize("name", [name for name, type_name in EVENT_TYPES.items() if type_name == "-"])
    def test_without_a_related_object_has_a_rule(self, name: str) -> None:
        assert {name, name.rpartition(".")[0]} & {*catalog.EVENT_OBJECTS, *catalog.IGNORED, *catalog.RESOURCES}

    @pytest.mark.parametrize("name", EVENT_TYPES)
    def test_is_of_a_resource_that_is_known_so_that_a_wrong_object_is_noticed(self, name: str) -> None:
        resource = name.rpartition(".")[0]
        assert {name, resource} & {*catalog.RESOURCES, *catalog.IGNORED, *catalog.EVENT_OBJECTS}
        if resource in catalog.RESOURCES and EVENT_TYPES[name] != "-":
            assert catalog.RESOURCES[resource] == EVENT_TYPES[name]

    def test_that_is_an_object_itself_is_published(self) -> None:
        assert catalog.EVENT_OBJECTS.keys() <= EVENT_TYPES.keys()

    def test_is_of_a_resource_that_no_two_rows_share(self) -> None:
        resources = [resource for object_type in catalog.TYPES.values() for resource in object_type.resources]
        resources += [part.resource for part in catalog.PARTS.values()]
        assert len(set(resources)) == len(resources)
        assert not set(resources) & catalog.IGNORED


class TestTheWhole:
    def test_no_two_rows_share_a_url(self) -> None:
        shapes = [unnamed(object_type.retrieve) for object_type in catalog.TYPES.values()]
        assert len(set(shapes)) == len(shapes)

    def test_no_two_types_share_a_name_old_ones_included(self) -> None:
        names = [name for object_type in catalog.TYPES.values() for name in (object_type.name, *object_type.aliases)]
        assert len({*names, *catalog.PARTS}) == len(names) + len(catalog.PARTS)

    def test_prefixes_are_whole_words_of_stripes(self) -> None:
        assert all(re.fullmatch(r"([a-z]+_)*", object_type.prefix) for object_type in catalog.TYPES.values())

    def test_every_type_is_reconciled_but_events_and_usage(self) -> None:
        assert {object_type.name for object_type in catalog.TYPES.values()} - {
            object_type.name for object_type in catalog.RECONCILED_TYPES
        } == {
            *(object_type.name for object_type in catalog.EVENT_OBJECTS.values()),
            catalog.USAGE.name,
        }
        assert len(set(catalog.RECONCILED_TYPES)) == len(catalog.RECONCILED_TYPES)
        assert all(catalog.TYPES[object_type.name] is object_type for object_type in catalog.RECONCILED_TYPES)

    def test_what_is_reconciled_is_listed_before_what_is_below_it(self) -> None:
        order = [object_type.name for object_type in catalog.RECONCILED_TYPES]
        below = {
            (listing.per, object_type.name)
            for object_type in catalog.RECONCILED_TYPES
            for listing in object_type.listings
            if listing.per and not catalog.TYPES[listing.per].test_mode_only
        }
        assert all(order.index(owner) < order.index(name) for owner, name in below)

    def test_every_sample_is_of_a_row_or_part_of_one(self) -> None:
        samples = {path.stem for path in SAMPLES.glob("*.json")}
        assert samples - catalog.TYPES.keys() == IN_THEIR_OWNER.keys()

    def test_the_table_cannot_be_changed(self) -> None:
        with pytest.raises(TypeError):
            catalog.TYPES["x"] = next(iter(catalog.TYPES.values()))  # type: ignore[index]

    def test_every_part_is_of_a_row_under_whose_url_it_is(self) -> None:
        for part in catalog.PARTS.values():
            assert part.of in part.urls.values()
            assert part.name not in catalog.TYPES
            for url, owner in part.urls.items():
                assert url.startswith(f"{catalog.TYPES[owner].retrieve}/")

    @pytest.mark.parametrize("object_type", catalog.METERED_TYPES, ids=lambda object_type: object_type.name)
    def test_usage_is_told_by_objects_with_a_customer_and_a_status(self, object_type: ObjectType) -> None:
        assert object_type.usage is not None
        assert object_type.usage.statuses
        assert object_type.customer
        assert object_type.status
        if object_type.usage.by:
            assert catalog.TYPES[object_type.usage.by.type].members, "the meters are those of its members"

    def test_people_may_choose_the_ids_of_these(self) -> None:
        assert {object_type.name for object_type in catalog.TYPES.values() if object_type.chosen_ids} == {
            "customer",
            "product",
            "price",
            "plan",
            "coupon",
        }

    def test_the_events_of_destinations_are_ignored(self) -> None:
        assert "v2.core.event_destination" in catalog.IGNORED


class TestListing:
    def test_a_hidden_filter_is_one_that_the_body_can_answer(self) -> None:
        for object_type in catalog.TYPES.values():
            for listing in object_type.listings:
                assert not listing.hidden_filters or listing.hidden_filters.keys() <= sample(object_type.name).keys()

    def test_lists_that_are_told_apart_by_a_filter_share_a_url(self) -> None:
        one: Listing = catalog.TYPES["v2.billing.rate_card_rate"].listing_per("v2.billing.rate_card_version")
        assert one.query == {"rate_card_version": "{id}"}


class TestARowOfAnUnknownType:
    def test_is_its_own_url_without_any_column(self) -> None:
        object_type = catalog.generic_type("v2.money.thing", "/v2/money/things/{id}")
        assert (object_type.name, object_type.retrieve) == ("v2.money.thing", "/v2/money/things/{id}")
        assert (
            object_type.parent,
            object_type.customer,
            object_type.status,
            object_type.members,
            object_type.listings,
        ) == (None, None, None, (), ())
        assert not object_type.nested
        assert not object_type.singleton

    def test_without_an_id_is_a_singleton(self) -> None:
        assert catalog.generic_type("v2.money.settings", "/v2/money/settings").singleton

    @pytest.mark.parametrize(
        ("url", "line"),
        [
            ("/v2/billing/things/{id}", ApiChannel.PREVIEW),
            ("/v2/money/things/{id}", ApiChannel.GA),
            ("/v1/billing/things/{id}", ApiChannel.GA),
        ],
    )
    def test_is_read_with_the_preview_version_only_where_it_is_billing(self, url: str, line: ApiChannel) -> None:
        assert catalog.generic_type("some.thing", url).api is line

    def test_is_in_no_table_of_the_catalog(self) -> None:
        catalog.generic_type("v2.money.thing", "/v2/money/things/{id}")
        assert catalog.find_type("v2.money.thing") is None
