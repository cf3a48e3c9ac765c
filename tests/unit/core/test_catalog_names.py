"""Statuses and prefixes of types, against Stripe's own library."""

import importlib
from typing import Any, Literal, get_args, get_origin

import pytest

from billing_mirror.core import catalog
from billing_mirror.core.catalog import TYPES, Listing
from tests.doubles.samples import sample
from tests.unit.test_samples import V1_CLASSES

WITHOUT_DOCUMENTED_STATUSES = {"invoice_payment"}
"""Stripe's library types their status as any text."""
WITH_STATUS = sorted(name for name, one in TYPES.items() if one.status)


def literals(annotation: Any) -> set[str]:  # noqa: ANN401 - any annotation
    """The texts of a type such as ``Union[Literal["open", "paid"], str]``."""
    if get_origin(annotation) is Literal:
        return set(get_args(annotation))
    return {text for part in get_args(annotation) for text in literals(part)}


@pytest.mark.parametrize("name", sorted({*WITH_STATUS} & {*V1_CLASSES}))
def test_the_statuses_are_those_of_stripes_library(name: str) -> None:
    annotations = V1_CLASSES[name].__annotations__
    assert set(TYPES[name].statuses) == literals(annotations[TYPES[name].status or ""])
    assert bool(TYPES[name].statuses) is (name not in WITHOUT_DOCUMENTED_STATUSES)


@pytest.mark.parametrize("name", [name for name in WITH_STATUS if name not in WITHOUT_DOCUMENTED_STATUSES])
def test_a_type_with_a_status_has_its_documented_values(name: str) -> None:
    known = TYPES[name].statuses
    assert known
    assert len(set(known)) == len(known)


def test_the_statuses_of_an_event_are_the_events_that_are_objects() -> None:
    for object_type in TYPES.values():
        if object_type.events:
            assert object_type.statuses == object_type.events


def test_only_a_type_with_a_status_has_values_of_it() -> None:
    for object_type in TYPES.values():
        assert bool(object_type.collection_statuses) is bool(object_type.collection_status)
        assert object_type.status or not object_type.statuses


@pytest.mark.parametrize("name", sorted(name for name, one in TYPES.items() if one.prefix and not one.events))
def test_the_prefix_of_an_id_names_its_type_or_one_with_the_same_keys(name: str) -> None:
    guess = catalog.find_type_of_id(f"{TYPES[name].prefix}1")
    assert guess is not None
    assert (guess.prefix, guess.chosen_ids) == (TYPES[name].prefix, TYPES[name].chosen_ids)


def test_an_id_without_a_known_prefix_names_no_type() -> None:
    assert catalog.find_type_of_id("gold") is None
    assert catalog.find_type_of_id("/v1/customers/cus_1/cash_balance") is None


@pytest.mark.parametrize("name", [name for name in WITH_STATUS if TYPES[name].collection_status])
def test_the_samples_have_documented_statuses(name: str) -> None:
    body, object_type = sample(name), TYPES[name]
    assert body[object_type.status or ""] in object_type.statuses
    assert body[object_type.collection_status or ""] in object_type.collection_statuses


LISTINGS = [
    (one.name, listing)
    for one in TYPES.values()
    for listing in one.listings
    if listing.per is None and listing.url.startswith("/v1/")
]


@pytest.mark.parametrize(("name", "listing"), LISTINGS, ids=[name for name, _ in LISTINGS])
def test_lists_are_read_by_creation_where_stripes_library_filters_them_so(name: str, listing: Listing) -> None:
    """A list that is filtered by what Stripe does not know would be refused."""
    found = V1_CLASSES[name]
    folder = found.__module__.rpartition(".")[0].replace("stripe", "stripe.params", 1)
    parameters = getattr(importlib.import_module(folder), f"{found.__name__}ListParams")
    assert listing.by_creation == ("created" in parameters.__annotations__)
