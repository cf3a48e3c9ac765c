"""Every row of the catalog against what Stripe publishes, and the rows against each other."""

import dataclasses
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from billing_mirror.core import catalog
from billing_mirror.core import json_body as bodies
from billing_mirror.core.catalog import ApiLine, Listing, Nature, ObjectType, Rhythm, Via
from billing_mirror.core.messages import Notification, RelatedObject
from billing_mirror.core.object_ref import Subject, Untold, fill, notified
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

ROWS = pytest.mark.parametrize("row", catalog.TYPES.values(), ids=lambda row: row.name)


def urls(row: ObjectType) -> list[str]:
    listed = [listing.url for listing in row.listings]
    return [row.retrieve, *row.also_at, *listed, *(sublist.url for sublist in row.sublists)]


def placeholders(*texts: str) -> set[str]:
    return set(re.findall(r"\{(.*?)\}", " ".join(texts)))


def vias(row: ObjectType) -> list[Via]:
    customer = [row.customer] if isinstance(row.customer, Via) else []
    return [*customer, *row.references, *([row.changes] if row.changes else [])]


def paths(row: ObjectType) -> Iterator[str]:
    """Where the row looks for something in the body."""
    created = None if row.name in WITHOUT_A_TIME else row.created
    named = [row.parent, created, row.status, row.collection_status]
    yield from (path for path in named if path)
    yield from (via.path for via in vias(row))
    yield from (sublist.path for sublist in row.sublists if sublist.path)
    yield from (name for name in row.include if ".data." not in name)
    if isinstance(row.customer, str):
        yield row.customer


@ROWS
class TestEveryRow:
    def test_is_found_under_its_own_name_and_its_old_ones(self, row: ObjectType) -> None:
        assert catalog.TYPES[row.name] is row
        for name in (row.name, *row.aliases):
            assert catalog.named(name) is row

    def test_asks_only_for_paths_that_stripe_publishes(self, row: ObjectType) -> None:
        assert {unnamed(url) for url in urls(row)} <= PUBLISHED.keys()

    def test_is_read_with_a_version_that_knows_its_paths(self, row: ObjectType) -> None:
        for url in urls(row):
            assert row.api.value in PUBLISHED[unnamed(url)].split("+")

    def test_has_no_placeholder_but_its_own_id_and_its_parent(self, row: ObjectType) -> None:
        for url in (row.retrieve, *row.also_at):
            assert placeholders(url) <= {"id", "parent"}
            assert url.count("{id}") == (0 if row.singleton else 1)
        assert row.singleton or row.retrieve.endswith("/{id}")
        for sublist in row.sublists:
            assert placeholders(sublist.url, *sublist.query.values()) <= placeholders(row.retrieve)

    def test_lists_its_objects_where_one_of_them_is_retrieved(self, row: ObjectType) -> None:
        for listing in row.listings:
            shapes = {unnamed(url) for url in (row.retrieve, *row.also_at)}
            assert f"{unnamed(listing.url)}/{{}}" in shapes

    def test_is_listed_as_a_whole_or_for_each_object_of_a_type_that_is_in_the_catalog(self, row: ObjectType) -> None:
        for listing in row.listings:
            asked = placeholders(listing.url, *listing.query.values())
            if listing.per is None:
                assert not asked
            else:
                assert "id" in asked
                assert listing.per in catalog.TYPES
                assert asked <= ids_of(catalog.TYPES[listing.per])
                assert not listing.hidden, "only the plain list is asked twice"

    def test_can_be_fetched_with_the_parent_that_its_list_tells(self, row: ObjectType) -> None:
        """The parent is either what the list is asked for, or the parent of that."""
        for listing in row.listings:
            if row.nested:
                assert listing.per is not None
                parent = "{parent}" in listing.url
                assert parent == ("{id}" not in listing.url)
                assert not parent or catalog.TYPES[listing.per].nested

    def test_learns_its_parent_from_its_url_or_its_event(self, row: ObjectType) -> None:
        told = [name for name in EVENT_TYPES if catalog.RESOURCES.get(name.rpartition(".")[0]) == row.name]
        if row.owner_in_event is not None:
            assert row.nested
        elif row.nested and told:
            assert row.of_customer, "a snapshot or the URL tells the customer"

    def test_points_to_rows_that_need_no_parent(self, row: ObjectType) -> None:
        for via in vias(row):
            assert not catalog.TYPES[via.type].nested

    def test_finds_its_customer_through_a_row_that_knows_its_own(self, row: ObjectType) -> None:
        if isinstance(row.customer, Via):
            assert isinstance(catalog.TYPES[row.customer.type].customer, str)

    def test_comes_after_every_type_that_it_is_listed_by_or_finds_its_customer_through(self, row: ObjectType) -> None:
        order = list(catalog.TYPES)
        owners = [listing.per for listing in row.listings if listing.per]
        if isinstance(row.customer, Via):
            owners.append(row.customer.type)
        for name in owners:
            assert order.index(name) < order.index(row.name)

    def test_has_members_with_one_list_for_each_of_its_objects(self, row: ObjectType) -> None:
        for name in row.members:
            listing = catalog.TYPES[name].listing_per(row.name)
            assert placeholders(listing.url, *listing.query.values()) <= placeholders(row.retrieve)
            assert not catalog.TYPES[name].include, "the list would not show what a fetch does"

    def test_belongs_to_one_nature_and_one_line_of_versions(self, row: ObjectType) -> None:
        assert row.nature in Nature
        assert row.api in ApiLine
        assert (row.api is ApiLine.PREVIEW) is row.retrieve.startswith("/v2/billing/")
        assert row.rhythm in Rhythm

    def test_cannot_be_changed(self, row: ObjectType) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            row.name = "x"  # type: ignore[misc]

    def test_is_heard_of_somehow(self, row: ObjectType) -> None:
        """By an event, a list (which is how members are found too), a reference, or the sweep."""
        by_event = row.name in catalog.RESOURCES.values() and any(told_by(name) is row for name in EVENT_TYPES)
        by_reference = any(via.type == row.name for other in catalog.TYPES.values() for via in other.references)
        assert by_event or row.listings or by_reference or row is catalog.USAGE

    def test_is_silent_exactly_where_stripe_publishes_no_event_of_it(self, row: ObjectType) -> None:
        spoken_of = any(told_by(name) is row for name in EVENT_TYPES)
        assert row.silent is not spoken_of

    def test_looks_only_where_stripe_shows_something(self, row: ObjectType) -> None:
        """Judged by a sample of the type; ``null`` is something too."""
        if not (SAMPLES / f"{row.name}.json").exists():
            assert row.name in {*IN_THEIR_OWNER.values(), catalog.USAGE.name}
            return
        shown = sample(row.name)
        for path in paths(row):
            outer, _, last = path.rpartition(".")
            inner = bodies.at(shown, outer)
            assert inner is None or (isinstance(inner, dict) and last in inner), path


def ids_of(owner: ObjectType) -> set[str]:
    """Placeholders that an object of this type can fill in a list that is asked for it."""
    return {"id", *(["parent"] if owner.parent or owner.nested else []), *(["customer"] if owner.customer else [])}


def related_object(name: str, type_name: str) -> RelatedObject | None:
    """What a thin event has there, with a plain id and the URL of the type."""
    if type_name == "-":
        return None
    part, row = catalog.PARTS.get(type_name), catalog.named(type_name)
    url = next(iter(part.urls)) if part else row.retrieve if row else ""
    parent = "" if part or not row or not row.nested else "parent_1"
    has_id = not row or not row.singleton
    assert url, f"{name} is about {type_name}, which no row or part has"
    return RelatedObject(id="id_1" if has_id else None, type=type_name, url=fill(url, id="id_1", parent=parent))


def told(name: str) -> Subject | Untold | None:
    return notified(
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
    return found.row if found else None


class TestEveryPublishedEvent:
    @pytest.mark.parametrize("name", EVENT_TYPES)
    def test_is_about_what_stripe_says_that_it_is_about(self, name: str) -> None:
        found = told(name)
        if name in catalog.EVENTS:
            assert (found.row, found.id) == (catalog.EVENTS[name], "evt_1")  # type: ignore[union-attr]
        elif name in catalog.IGNORED:
            assert found is None
        elif EVENT_TYPES[name] == "-":
            assert isinstance(found, Untold)
            assert found.owner
        else:
            part = catalog.PARTS.get(EVENT_TYPES[name])
            assert isinstance(found, Subject)
            assert found.type == (part.of if part else EVENT_TYPES[name])

    @pytest.mark.parametrize("name", [name for name, type_name in EVENT_TYPES.items() if type_name == "-"])
    def test_without_a_related_object_has_a_rule(self, name: str) -> None:
        assert {name, name.rpartition(".")[0]} & {*catalog.EVENTS, *catalog.IGNORED, *catalog.RESOURCES}

    @pytest.mark.parametrize("name", EVENT_TYPES)
    def test_is_of_a_resource_that_is_known_so_that_a_wrong_object_is_noticed(self, name: str) -> None:
        resource = name.rpartition(".")[0]
        assert {name, resource} & {*catalog.RESOURCES, *catalog.IGNORED, *catalog.EVENTS}
        if resource in catalog.RESOURCES and EVENT_TYPES[name] != "-":
            assert catalog.RESOURCES[resource] == EVENT_TYPES[name]

    def test_that_is_an_object_itself_is_published(self) -> None:
        assert catalog.EVENTS.keys() <= EVENT_TYPES.keys()

    def test_is_of_a_resource_that_no_two_rows_share(self) -> None:
        resources = [resource for row in catalog.TYPES.values() for resource in row.resources]
        resources += [part.resource for part in catalog.PARTS.values()]
        assert len(set(resources)) == len(resources)
        assert not set(resources) & catalog.IGNORED


class TestTheWhole:
    def test_no_two_rows_share_a_url(self) -> None:
        shapes = [unnamed(row.retrieve) for row in catalog.TYPES.values()]
        assert len(set(shapes)) == len(shapes)

    def test_no_two_types_share_a_name_old_ones_included(self) -> None:
        names = [name for row in catalog.TYPES.values() for name in (row.name, *row.aliases)]
        assert len({*names, *catalog.PARTS}) == len(names) + len(catalog.PARTS)

    def test_prefixes_are_whole_words_of_stripes(self) -> None:
        assert all(re.fullmatch(r"([a-z]+_)*", row.prefix) for row in catalog.TYPES.values())

    def test_every_type_is_reconciled_but_events_and_usage(self) -> None:
        assert {row.name for row in catalog.TYPES.values()} - {row.name for row in catalog.RECONCILED} == {
            *(row.name for row in catalog.EVENTS.values()),
            catalog.USAGE.name,
        }
        assert len(set(catalog.RECONCILED)) == len(catalog.RECONCILED)
        assert all(catalog.TYPES[row.name] is row for row in catalog.RECONCILED)

    def test_what_is_reconciled_is_listed_before_what_is_below_it(self) -> None:
        order = [row.name for row in catalog.RECONCILED]
        below = {
            (listing.per, row.name)
            for row in catalog.RECONCILED
            for listing in row.listings
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

    @pytest.mark.parametrize("row", catalog.BILLED_BY_USAGE, ids=lambda row: row.name)
    def test_usage_is_told_by_objects_with_a_customer_and_a_status(self, row: ObjectType) -> None:
        assert row.usage is not None
        assert row.usage.statuses
        assert row.customer
        assert row.status
        if row.usage.by:
            assert catalog.TYPES[row.usage.by.type].members, "the meters are those of its members"

    def test_people_may_choose_the_ids_of_these(self) -> None:
        assert {row.name for row in catalog.TYPES.values() if row.chosen_ids} == {
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
        for row in catalog.TYPES.values():
            for listing in row.listings:
                assert not listing.hidden or listing.hidden.keys() <= sample(row.name).keys()

    def test_lists_that_are_told_apart_by_a_filter_share_a_url(self) -> None:
        one: Listing = catalog.TYPES["v2.billing.rate_card_rate"].listing_per("v2.billing.rate_card_version")
        assert one.query == {"rate_card_version": "{id}"}


class TestARowOfAnUnknownType:
    def test_is_its_own_url_without_any_column(self) -> None:
        row = catalog.generic("v2.money.thing", "/v2/money/things/{id}")
        assert (row.name, row.retrieve) == ("v2.money.thing", "/v2/money/things/{id}")
        assert (row.parent, row.customer, row.status, row.members, row.listings) == (None, None, None, (), ())
        assert not row.nested
        assert not row.singleton

    def test_without_an_id_is_a_singleton(self) -> None:
        assert catalog.generic("v2.money.settings", "/v2/money/settings").singleton

    @pytest.mark.parametrize(
        ("url", "line"),
        [
            ("/v2/billing/things/{id}", ApiLine.PREVIEW),
            ("/v2/money/things/{id}", ApiLine.GA),
            ("/v1/billing/things/{id}", ApiLine.GA),
        ],
    )
    def test_is_read_with_the_preview_version_only_where_it_is_billing(self, url: str, line: ApiLine) -> None:
        assert catalog.generic("some.thing", url).api is line

    def test_is_in_no_table_of_the_catalog(self) -> None:
        catalog.generic("v2.money.thing", "/v2/money/things/{id}")
        assert catalog.named("v2.money.thing") is None
