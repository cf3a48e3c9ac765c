"""Every row of the catalog against what Stripe publishes, and the rows against each other."""

import dataclasses
import re
from pathlib import Path

import pytest

from billing_mirror.core import catalog
from billing_mirror.core.catalog import ApiLine, Nature, ObjectType, Via

PUBLISHED = {
    re.sub(r"\{[a-z_]+\}", "{}", path): line
    for path, _, line in (
        text.partition(" ")
        for text in Path(__file__).with_name("published_paths.txt").read_text().splitlines()
        if text.startswith("/")
    )
}
"""Paths with their placeholders unnamed, and which library knows them."""

ROWS = pytest.mark.parametrize("row", catalog.TYPES.values(), ids=lambda row: row.name)


def unnamed(url: str) -> str:
    return re.sub(r"\{[a-z]+\}", "{}", url)


def urls(row: ObjectType) -> list[str]:
    listing = [row.listing.url] if row.listing else []
    return [row.retrieve, *listing, *(members.list for members in row.members)]


@ROWS
class TestEveryRow:
    def test_is_found_under_its_own_name(self, row: ObjectType) -> None:
        assert catalog.TYPES[row.name] is row

    def test_asks_only_for_paths_that_stripe_publishes(self, row: ObjectType) -> None:
        assert {unnamed(url) for url in urls(row)} <= PUBLISHED.keys()

    def test_is_read_with_a_version_that_knows_its_paths(self, row: ObjectType) -> None:
        for url in urls(row):
            assert row.api.value in PUBLISHED[unnamed(url)].split("+")

    def test_has_no_placeholder_but_its_own_id_and_its_parent(self, row: ObjectType) -> None:
        assert row.retrieve.endswith("/{id}")
        assert row.retrieve.count("{id}") == 1
        for url in urls(row):
            assert set(re.findall(r"\{(.*?)\}", url)) <= {"id", "parent"}

    def test_can_be_asked_for_all_its_objects_only_without_a_parent(self, row: ObjectType) -> None:
        if row.listing:
            assert "{" not in row.listing.url
            assert row.retrieve == f"{row.listing.url}/{{id}}"

    def test_finds_the_parent_that_its_url_needs_in_its_body_and_its_event(self, row: ObjectType) -> None:
        assert row.nested is ("{parent}" in row.retrieve)
        if row.nested:
            assert row.parent
            assert row.parent_in_event
        else:
            assert row.parent_in_event is None

    def test_points_to_a_row_that_needs_no_parent_and_knows_its_customer(self, row: ObjectType) -> None:
        if isinstance(row.customer, Via):
            pointed = catalog.TYPES[row.customer.type]
            assert not pointed.nested
            assert isinstance(pointed.customer, str)

    def test_comes_after_every_type_that_it_points_to(self, row: ObjectType) -> None:
        order = list(catalog.TYPES)
        pointed = [row.customer.type] if isinstance(row.customer, Via) else []
        for name in [*pointed, *(members.type for members in row.members)]:
            assert order.index(name) < order.index(row.name)

    def test_reads_members_at_the_place_where_one_of_them_is_retrieved(self, row: ObjectType) -> None:
        for members in row.members:
            assert unnamed(catalog.TYPES[members.type].retrieve) == f"{unnamed(members.list)}/{{}}"
            assert row.nested or "{parent}" not in members.list

    def test_belongs_to_one_nature_and_one_line_of_versions(self, row: ObjectType) -> None:
        assert row.nature in Nature
        assert row.api in ApiLine
        assert (row.api is ApiLine.PREVIEW) is row.retrieve.startswith("/v2/billing/")

    def test_cannot_be_changed(self, row: ObjectType) -> None:
        with pytest.raises(dataclasses.FrozenInstanceError):
            row.name = "x"  # type: ignore[misc]


class TestTheWhole:
    def test_no_two_rows_share_a_url(self) -> None:
        shapes = [unnamed(row.retrieve) for row in catalog.TYPES.values()]
        assert len(set(shapes)) == len(shapes)

    def test_prefixes_are_whole_words_of_stripes(self) -> None:
        assert all(re.fullmatch(r"[a-z]+_|", row.prefix) for row in catalog.TYPES.values())

    def test_what_is_reconciled_can_be_listed_and_asked_for_by_id_alone(self) -> None:
        assert catalog.RECONCILED
        assert all(row.listing and not row.nested for row in catalog.RECONCILED)
        assert all(catalog.TYPES[row.name] is row for row in catalog.RECONCILED)

    def test_the_table_cannot_be_changed(self) -> None:
        with pytest.raises(TypeError):
            catalog.TYPES["x"] = next(iter(catalog.TYPES.values()))  # type: ignore[index]

    def test_the_ping_of_a_destination_is_ignored(self) -> None:
        assert "v2.core.event_destination.ping" in catalog.IGNORED_EVENTS


class TestARowOfAnUnknownType:
    def test_is_its_own_url_without_any_column(self) -> None:
        row = catalog.row("v2.money.thing", "/v2/money/things/th_1")
        assert (row.name, row.retrieve) == ("v2.money.thing", "/v2/money/things/th_1")
        assert (row.parent, row.customer, row.status, row.members, row.listing) == (
            None,
            None,
            None,
            (),
            None,
        )
        assert not row.nested

    @pytest.mark.parametrize(
        ("url", "line"),
        [
            ("/v2/billing/things/th_1", ApiLine.PREVIEW),
            ("/v2/money/things/th_1", ApiLine.GA),
            ("/v1/billing/meters/mtr_1", ApiLine.GA),
        ],
    )
    def test_is_read_with_the_preview_version_only_where_it_is_billing(self, url: str, line: ApiLine) -> None:
        assert catalog.row("some.thing", url).api is line

    def test_does_not_hide_a_row_of_the_catalog(self) -> None:
        for name, row in catalog.TYPES.items():
            assert catalog.row(name, "/v1/elsewhere/x") is row
