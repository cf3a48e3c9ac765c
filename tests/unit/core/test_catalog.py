"""Every object type of the catalog against what Stripe publishes, and the object types against each other."""

import dataclasses
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from billing_mirror.core import catalog
from billing_mirror.core.catalog import ApiChannel, Category, CompareInterval, Listing, ObjectType, Reference
from billing_mirror.core.events.messages import Notification, RelatedObject
from billing_mirror.core.events.related_object import UnresolvedRef, ref_from_event
from billing_mirror.core.json_body import Json
from billing_mirror.core.object_ref import ObjectRef, fill_template
from tests.doubles.samples import SAMPLES, sample

TESTS = Path(__file__).parents[2]


def unnamed(url: str) -> str:
    """A URL without its query and without the names of its placeholders."""
    return re.sub(r"\{[a-z_]+\}", "{}", url.partition("?")[0])


def table(name: str) -> dict[str, str]:
    lines = [line for line in (TESTS / name).read_text().splitlines() if not line.startswith("#")]
    return dict(line.split(" ") for line in lines)


PUBLISHED = {unnamed(path): channels for path, channels in table("published_paths.txt").items()}
"""Paths with unnamed placeholders, and the API channels that have them."""
EVENT_TYPES = table("published_event_types.txt")
"""Event types and the type of their related object; ``-`` for none."""

IN_THEIR_OWNER = {"entitlements.active_entitlement": "entitlements.active_entitlement_summary"}
"""Samples that are no object type of the catalog: another object's body contains them."""

WITHOUT_A_TIME = {"billing.alert", "cash_balance", "entitlements.feature"}
"""Types whose objects have no time of creation."""

CATEGORIES = {
    Category.ACTIVITY: {
        "test_helpers.test_clock",
        "customer",
        "tax_id",
        "cash_balance",
        "entitlements.active_entitlement_summary",
        "billing.credit_grant",
        "billing.credit_balance_transaction",
        "subscription",
        "subscription_schedule",
        "quote",
        "invoice",
        "invoice_payment",
        "invoiceitem",
        "credit_note",
        "v2.core.event",
        "billing.meter_event_summary",
        "v2.billing.profile",
        "v2.billing.cadence",
        "v2.billing.rate_card_subscription",
        "v2.billing.pricing_plan_subscription",
        "v2.billing.contract",
        "v2.billing.intent",
        "v2.billing.intent_action",
    },
    Category.CONFIGURATION: {
        "coupon",
        "promotion_code",
        "tax_rate",
        "billing.alert",
        "v2.billing.bill_setting",
        "v2.billing.bill_setting_version",
        "v2.billing.collection_setting",
        "v2.billing.collection_setting_version",
        "v2.billing.cadence_spend_modifier",
    },
    Category.CATALOG: {
        "product",
        "billing.meter",
        "price",
        "plan",
        "entitlements.feature",
        "v2.billing.custom_pricing_unit",
        "v2.billing.licensed_item",
        "v2.billing.metered_item",
        "v2.billing.one_time_item",
        "v2.billing.service_action",
        "v2.billing.license_fee",
        "v2.billing.license_fee_version",
        "v2.billing.rate_card",
        "v2.billing.rate_card_version",
        "v2.billing.rate_card_rate",
        "v2.billing.rate_card_custom_pricing_unit_overage_rate",
        "v2.billing.pricing_plan",
        "v2.billing.pricing_plan_version",
        "v2.billing.pricing_plan_component",
    },
}

OTHER_INTERVALS = {
    "v2.billing.cadence": CompareInterval.RATE_CARD_SUBSCRIPTIONS,
    "v2.billing.rate_card_subscription": CompareInterval.RATE_CARD_SUBSCRIPTIONS,
    "v2.billing.cadence_spend_modifier": CompareInterval.ACTIVITY,
    "tax_id": CompareInterval.CONFIGURATION,
}
"""Types that reconcile compares at another interval than that of their category."""

EACH_TYPE = pytest.mark.parametrize("object_type", catalog.TYPES.values(), ids=lambda object_type: object_type.name)


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


def references(object_type: ObjectType) -> list[Reference]:
    customer = [object_type.customer] if isinstance(object_type.customer, Reference) else []
    return [*customer, *object_type.references, *([object_type.changes] if object_type.changes else [])]


def paths(object_type: ObjectType) -> Iterator[str]:
    """The paths at which the object type expects a field in the body."""
    created = None if object_type.name in WITHOUT_A_TIME else object_type.created
    named = [object_type.parent, created, object_type.status, object_type.collection_status]
    yield from (path for path in named if path)
    yield from (reference.path for reference in references(object_type))
    yield from (sublist.path for sublist in object_type.sublists if sublist.path)
    yield from object_type.include
    if isinstance(object_type.customer, str):
        yield object_type.customer


@EACH_TYPE
class TestEveryObjectType:
    def test_is_found_by_its_name_and_its_aliases(self, object_type: ObjectType) -> None:
        assert catalog.TYPES[object_type.name] is object_type
        for name in (object_type.name, *object_type.aliases):
            assert catalog.find_type(name) is object_type

    def test_requests_only_paths_that_stripe_publishes(self, object_type: ObjectType) -> None:
        assert {unnamed(url) for url in urls(object_type)} <= PUBLISHED.keys()

    def test_is_read_with_a_version_that_has_its_paths(self, object_type: ObjectType) -> None:
        for url in urls(object_type):
            assert object_type.api.value in PUBLISHED[unnamed(url)].split("+")

    def test_has_no_placeholders_but_its_id_and_its_parent(self, object_type: ObjectType) -> None:
        for url in (object_type.retrieve, *object_type.alternate_urls):
            assert placeholders(url) <= {"id", "parent"}
            assert url.count("{id}") == (0 if object_type.singleton else 1)
        assert object_type.singleton or object_type.retrieve.endswith("/{id}")
        for sublist in object_type.sublists:
            assert placeholders(sublist.url, *sublist.query.values()) <= placeholders(object_type.retrieve)

    def test_lists_its_objects_at_the_url_they_are_retrieved_from(self, object_type: ObjectType) -> None:
        for listing in object_type.listings:
            shapes = {unnamed(url) for url in (object_type.retrieve, *object_type.alternate_urls)}
            assert f"{unnamed(listing.url)}/{{}}" in shapes

    def test_has_a_list_of_all_objects_or_one_per_object_of_a_type_in_the_catalog(
        self, object_type: ObjectType
    ) -> None:
        for listing in object_type.listings:
            names = placeholders(listing.url, *listing.query.values())
            if listing.per is None:
                assert not names
            else:
                assert "id" in names
                assert listing.per in catalog.TYPES
                assert names <= ids_of(catalog.TYPES[listing.per])
                assert not listing.hidden_filters, "only a list of all objects has hidden filters"

    def test_can_be_fetched_with_the_parent_from_its_list(self, object_type: ObjectType) -> None:
        """The parent is the object that has the list, or the parent of that object."""
        for listing in object_type.listings:
            if object_type.nested:
                assert listing.per is not None
                parent = "{parent}" in listing.url
                assert parent == ("{id}" not in listing.url)
                assert not parent or catalog.TYPES[listing.per].nested

    def test_gets_its_parent_from_the_url_or_the_event(self, object_type: ObjectType) -> None:
        event_types = [
            name for name in EVENT_TYPES if catalog.RESOURCES.get(name.rpartition(".")[0]) == object_type.name
        ]
        if object_type.owner_in_event is not None:
            assert object_type.nested
        elif object_type.nested and event_types:
            assert object_type.parent_is_customer, "a snapshot or the URL names the customer"

    def test_refers_to_types_that_need_no_parent(self, object_type: ObjectType) -> None:
        for reference in references(object_type):
            assert not catalog.TYPES[reference.type].nested

    def test_finds_its_customer_through_a_type_whose_body_names_the_customer(self, object_type: ObjectType) -> None:
        if isinstance(object_type.customer, Reference):
            assert isinstance(catalog.TYPES[object_type.customer.type].customer, str)

    def test_comes_after_the_types_that_its_lists_and_its_customer_depend_on(self, object_type: ObjectType) -> None:
        order = list(catalog.TYPES)
        owners = [listing.per for listing in object_type.listings if listing.per]
        if isinstance(object_type.customer, Reference):
            owners.append(object_type.customer.type)
        for name in owners:
            assert order.index(name) < order.index(object_type.name)

    def test_has_members_with_one_list_per_object(self, object_type: ObjectType) -> None:
        for name in object_type.members:
            listing = catalog.TYPES[name].listing_per(object_type.name)
            assert placeholders(listing.url, *listing.query.values()) <= placeholders(object_type.retrieve)
            assert not catalog.TYPES[name].include, "the list would lack fields that a fetch returns"

    def test_expands_at_most_four_levels_in_a_list_and_a_fetch(self, object_type: ObjectType) -> None:
        """https://docs.stripe.com/expand#limitations: ``data`` is a level of a list."""
        if object_type.api is ApiChannel.GA:
            assert all(f"data.{path}".count(".") < 4 for path in object_type.include)
            assert all(field.path.count(".") < 4 for field in object_type.include_where)
        for field in object_type.include_where:
            assert "*" in field.path or f"data.{field.path}".count(".") == 4, "a list could show it"

    def test_has_one_of_three_categories(self, object_type: ObjectType) -> None:
        [category] = [category for category, names in CATEGORIES.items() if object_type.name in names]
        assert object_type.category is category

    def test_is_compared_at_the_interval_of_its_category_unless_it_has_its_own(self, object_type: ObjectType) -> None:
        expected = OTHER_INTERVALS.get(object_type.name, CompareInterval(object_type.category.value))
        assert object_type.interval is expected

    def test_belongs_to_one_api_channel(self, object_type: ObjectType) -> None:
        assert object_type.api in ApiChannel
        assert (object_type.api is ApiChannel.PREVIEW) is object_type.retrieve.startswith("/v2/billing/")

    def test_cannot_be_changed(self, object_type: ObjectType) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            object_type.name = "x"  # type: ignore[misc]

    def test_reaches_the_mirror_somehow(self, object_type: ObjectType) -> None:
        """By an event, a list (members too), a reference, or the usage job."""
        by_event = object_type.name in catalog.RESOURCES.values() and any(
            type_of_event(name) is object_type for name in EVENT_TYPES
        )
        by_reference = any(
            reference.type == object_type.name for other in catalog.TYPES.values() for reference in other.references
        )
        assert by_event or object_type.listings or by_reference or object_type is catalog.USAGE

    def test_sends_no_events_exactly_if_stripe_publishes_none(self, object_type: ObjectType) -> None:
        has_events = any(type_of_event(name) is object_type for name in EVENT_TYPES)
        assert object_type.sends_no_events is not has_events

    def test_expects_only_fields_that_stripe_returns(self, object_type: ObjectType) -> None:
        """According to a sample of the type; ``null`` is a value too."""
        if not (SAMPLES / f"{object_type.name}.json").exists():
            assert object_type.name in {*IN_THEIR_OWNER.values(), catalog.USAGE.name}
            return
        shown = sample(object_type.name)
        for path in paths(object_type):
            outer, _, last = path.rpartition(".")
            for inner in holders(shown, outer):
                assert inner is None or (isinstance(inner, dict) and last in inner), path


def holders(value: Json, path: str) -> list[Json]:
    """The values at a path that may lead through lists; none where a step is missing."""
    if isinstance(value, list):
        return [found for each in value for found in holders(each, path)]
    step, _, rest = path.partition(".")
    return holders(value.get(step), rest) if step and isinstance(value, dict) else [value]


def ids_of(owner: ObjectType) -> set[str]:
    """Placeholders that an object of this type can replace in the URL of a list that it has."""
    return {"id", *(["parent"] if owner.parent or owner.nested else []), *(["customer"] if owner.customer else [])}


def related_object(name: str, type_name: str) -> RelatedObject | None:
    """The related object of a thin event, with a plain id and the URL of the type."""
    if type_name == "-":
        return None
    part, object_type = catalog.PARTS.get(type_name), catalog.find_type(type_name)
    url = next(iter(part.urls)) if part else object_type.retrieve if object_type else ""
    parent = "parent_1" if part or (object_type and object_type.nested) else ""
    has_id = not object_type or not object_type.singleton
    assert url, f"{name} is about {type_name}, which is neither an object type nor a part"
    return RelatedObject(
        id="id_1" if has_id else None, type=type_name, url=fill_template(url, id="id_1", parent=parent)
    )


def ref_of_event(name: str) -> ObjectRef | UnresolvedRef | None:
    return ref_from_event(
        Notification(
            id="evt_1",
            type=name,
            created=datetime(2026, 1, 1, tzinfo=UTC),
            livemode=False,
            related_object=related_object(name, EVENT_TYPES[name]),
        )
    )


def type_of_event(name: str) -> ObjectType | None:
    found = ref_of_event(name)
    if isinstance(found, UnresolvedRef):
        return catalog.TYPES[found.owners[0].type]
    return found.object_type if found else None


class TestEveryPublishedEvent:
    @pytest.mark.parametrize("name", EVENT_TYPES)
    def test_is_about_the_related_object_that_stripe_documents(self, name: str) -> None:
        found = ref_of_event(name)
        if name in catalog.EVENT_OBJECTS:
            assert isinstance(found, ObjectRef)
            assert (found.object_type, found.id) == (catalog.EVENT_OBJECTS[name], "evt_1")
        elif name in catalog.IGNORED:
            assert found is None
        elif EVENT_TYPES[name] == "-":
            assert isinstance(found, UnresolvedRef)
            assert found.owners
        else:
            part = catalog.PARTS.get(EVENT_TYPES[name])
            if part:
                assert isinstance(found, UnresolvedRef)
                assert [ref.type for ref in found.resolve(None).values()] == [part.owners[0].type]
                return
            assert isinstance(found, ObjectRef)
            assert found.type == EVENT_TYPES[name]

    @pytest.mark.parametrize("name", [name for name, type_name in EVENT_TYPES.items() if type_name == "-"])
    def test_without_a_related_object_is_in_the_catalog(self, name: str) -> None:
        assert {name, name.rpartition(".")[0]} & {*catalog.EVENT_OBJECTS, *catalog.IGNORED, *catalog.RESOURCES}

    @pytest.mark.parametrize("name", EVENT_TYPES)
    def test_has_a_known_resource_so_that_a_wrong_object_is_noticed(self, name: str) -> None:
        resource = name.rpartition(".")[0]
        assert {name, resource} & {*catalog.RESOURCES, *catalog.IGNORED, *catalog.EVENT_OBJECTS}
        if resource in catalog.RESOURCES and EVENT_TYPES[name] != "-":
            assert catalog.RESOURCES[resource] == EVENT_TYPES[name]

    def test_that_is_an_object_itself_is_published(self) -> None:
        assert catalog.EVENT_OBJECTS.keys() <= EVENT_TYPES.keys()

    def test_has_a_resource_of_one_object_type_only(self) -> None:
        resources = [resource for object_type in catalog.TYPES.values() for resource in object_type.resources]
        resources += [part.resource for part in catalog.PARTS.values()]
        assert len(set(resources)) == len(resources)
        assert not set(resources) & catalog.IGNORED


class TestCatalog:
    def test_no_two_types_share_a_url(self) -> None:
        shapes = [unnamed(object_type.retrieve) for object_type in catalog.TYPES.values()]
        assert len(set(shapes)) == len(shapes)

    def test_no_two_types_share_a_name_or_an_alias(self) -> None:
        names = [name for object_type in catalog.TYPES.values() for name in (object_type.name, *object_type.aliases)]
        assert len({*names, *catalog.PARTS}) == len(names) + len(catalog.PARTS)

    def test_prefixes_are_words_that_end_in_an_underscore(self) -> None:
        assert all(re.fullmatch(r"([a-z]+_)*", object_type.prefix) for object_type in catalog.TYPES.values())

    def test_a_category_has_exactly_these_types(self) -> None:
        assert CATEGORIES.keys() == set(Category)
        for category, names in CATEGORIES.items():
            assert {name for name, object_type in catalog.TYPES.items() if object_type.category is category} == names

    def test_every_type_but_events_and_usage_is_reconciled(self) -> None:
        assert {object_type.name for object_type in catalog.TYPES.values()} - {
            object_type.name for object_type in catalog.RECONCILED_TYPES
        } == {
            *(object_type.name for object_type in catalog.EVENT_OBJECTS.values()),
            catalog.USAGE.name,
        }
        assert len(set(catalog.RECONCILED_TYPES)) == len(catalog.RECONCILED_TYPES)
        assert all(catalog.TYPES[object_type.name] is object_type for object_type in catalog.RECONCILED_TYPES)

    def test_reconcile_compares_parents_before_their_children(self) -> None:
        order = [object_type.name for object_type in catalog.RECONCILED_TYPES]
        owned = {
            (listing.per, object_type.name)
            for object_type in catalog.RECONCILED_TYPES
            for listing in object_type.listings
            if listing.per and not catalog.TYPES[listing.per].test_mode_only
        }
        assert all(order.index(owner) < order.index(name) for owner, name in owned)

    def test_every_sample_is_of_a_type_or_inside_another_object(self) -> None:
        samples = {path.stem for path in SAMPLES.glob("*.json")}
        assert samples - catalog.TYPES.keys() == IN_THEIR_OWNER.keys()

    def test_the_catalog_cannot_be_changed(self) -> None:
        with pytest.raises(TypeError):
            catalog.TYPES["x"] = next(iter(catalog.TYPES.values()))  # type: ignore[index]

    def test_the_url_of_a_part_begins_with_the_url_of_its_owner(self) -> None:
        for part in catalog.PARTS.values():
            assert part.name not in catalog.TYPES
            owners = {owner.path: catalog.TYPES[owner.type] for owner in part.owners}
            for url, path in part.urls.items():
                retrieve = owners[path].retrieve.replace("{id}", "{parent}")
                assert url.startswith(retrieve if owners[path].singleton else f"{retrieve}/")

    def test_a_snapshot_keeps_the_id_of_every_owner_of_a_part(self) -> None:
        paths = {owner.path for part in catalog.PARTS.values() for owner in part.owners}
        named = {path: f"x_{path}" for path in paths}
        assert RelatedObject.model_validate({"type": "x", **named}).owners == named

    @pytest.mark.parametrize("object_type", catalog.METERED_TYPES, ids=lambda object_type: object_type.name)
    def test_objects_with_meters_have_a_customer_and_a_status(self, object_type: ObjectType) -> None:
        assert object_type.usage is not None
        assert object_type.usage.statuses
        assert object_type.customer
        assert object_type.status
        if object_type.usage.by:
            assert catalog.TYPES[object_type.usage.by.type].members, "its members name the meters"

    def test_every_type_whose_customer_can_be_an_account_names_it(self) -> None:
        named = {name for name in catalog.TYPES if (SAMPLES / f"{name}.json").exists() and _has_account(name)}
        assert named == {name for name, one in catalog.TYPES.items() if one.customer_account} | {
            "customer",  # found by its own id
            "cash_balance",  # at the URL of its customer
        }

    def test_users_can_choose_the_ids_of_five_types(self) -> None:
        assert {object_type.name for object_type in catalog.TYPES.values() if object_type.chosen_ids} == {
            "customer",
            "product",
            "price",
            "plan",
            "coupon",
        }

    def test_events_about_event_destinations_are_ignored(self) -> None:
        assert "v2.core.event_destination" in catalog.IGNORED


def _has_account(name: str) -> bool:
    return "customer_account" in sample(name)


class TestListing:
    def test_a_hidden_filter_is_a_field_of_the_body(self) -> None:
        for object_type in catalog.TYPES.values():
            for listing in object_type.listings:
                assert not listing.hidden_filters or listing.hidden_filters.keys() <= sample(object_type.name).keys()

    def test_lists_of_rates_differ_in_their_filter_only(self) -> None:
        listing: Listing = catalog.TYPES["v2.billing.rate_card_rate"].listing_per("v2.billing.rate_card_version")
        assert listing.query == {"rate_card_version": "{id}"}


class TestUnknownType:
    def test_has_its_url_and_nothing_to_index(self) -> None:
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
        ("url", "channel"),
        [
            ("/v2/billing/things/{id}", ApiChannel.PREVIEW),
            ("/v2/money/things/{id}", ApiChannel.GA),
            ("/v1/billing/things/{id}", ApiChannel.GA),
        ],
    )
    def test_is_read_with_the_preview_version_only_under_v2_billing(self, url: str, channel: ApiChannel) -> None:
        assert catalog.generic_type("some.thing", url).api is channel

    def test_is_not_added_to_the_catalog(self) -> None:
        catalog.generic_type("v2.money.thing", "/v2/money/things/{id}")
        assert catalog.find_type("v2.money.thing") is None


def test_the_members_that_stripe_shows_on_request_are_requested() -> None:
    """A golden table: neither the samples nor a list shows that a member was left out of a row."""
    assert {name: object_type.include for name, object_type in catalog.TYPES.items() if object_type.include} == {
        "coupon": ("applies_to", "currency_options"),
        "credit_note": ("shipping_cost.taxes",),
        "customer": ("invoice_credit_balance", "tax"),
        "invoice": ("discounts", "lines.data.discounts", "shipping_cost.taxes"),
        "invoiceitem": ("discounts",),
        "plan": ("tiers",),
        "price": ("tiers", "currency_options"),
        "promotion_code": ("restrictions.currency_options",),
        "quote": (
            "discounts",
            "line_items",
            "line_items.data.discounts",
            "line_items.data.taxes",
            "total_details.breakdown",
            "computed.upfront.line_items",
        ),
        "subscription": (
            "discounts",
            "items.data.discounts",
            "pending_update.discounts",
            "pending_update.subscription_items.discounts",
        ),
        "subscription_schedule": ("phases.discounts.discount",),
        "v2.billing.cadence": ("invoice_discount_rules", "settings_data"),
        "v2.billing.contract": ("billing_settings", "one_time_fees", "pricing_lines", "pricing_overrides"),
        "v2.billing.pricing_plan_subscription": ("discount_details", "pricing_plan_component_details"),
    }


def test_the_members_of_some_objects_that_stripe_shows_on_request_are_requested() -> None:
    upfront, recurring = "computed.upfront.total_details", "computed.recurring.total_details"
    items, added = "phases.items.discounts.discount", "phases.add_invoice_items.discounts.discount"
    assert {
        name: {field.path: field.where for field in object_type.include_where}
        for name, object_type in catalog.TYPES.items()
        if object_type.include_where
    } == {
        "price": {"currency_options.*.tiers": ("tiers",)},
        "quote": {
            f"{upfront}.breakdown": (f"{upfront}.amount_discount", f"{upfront}.amount_tax"),
            f"{recurring}.breakdown": (f"{recurring}.amount_discount", f"{recurring}.amount_tax"),
        },
        "subscription_schedule": {items: (items,), added: (added,)},
    }


def test_the_lists_inside_an_object_are_read_with_what_the_object_shows() -> None:
    """Else the entries of a list that Stripe cuts short would lack what the same entries have in a short list."""
    for object_type in catalog.TYPES.values():
        for sublist in object_type.sublists:
            inside = [path for path in object_type.include if path.startswith(f"{sublist.path}.data.")]
            requested = [value for name, value in sublist.query.items() if name.startswith("expand[")]
            assert requested == [path.removeprefix(f"{sublist.path}.") for path in inside], object_type.name


def test_no_type_waits_for_itself() -> None:
    """Process works on owners first: a circle of them would wait for each other."""

    def owners(name: str, below: tuple[str, ...] = ()) -> None:
        assert name not in below, (*below, name)
        for owner in catalog.OWNERS[name]:
            owners(owner, (*below, name))

    for name in catalog.TYPES:
        owners(name)
    assert catalog.OWNERS["v2.billing.rate_card_rate"] == {"v2.billing.rate_card_version"}
    assert catalog.OWNERS["v2.billing.rate_card_subscription"] == {"v2.billing.cadence"}
