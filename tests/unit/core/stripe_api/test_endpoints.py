"""Requests to the same endpoint have the same name, whatever their ids."""

import pytest

from billing_mirror.core.catalog import TYPES
from billing_mirror.core.stripe_api.endpoints import endpoint


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/v1/customers/cus_1", "/v1/customers/{id}"),
        ("/v1/customers?limit=100", "/v1/customers"),
        ("/v1/customers/cus_1?expand[]=sources", "/v1/customers/{id}"),
        ("/v1/customers/jo%2Bsmith/tax_ids/txi_1", "/v1/customers/{id}/tax_ids/{id}"),
        ("/v1/coupons/gold", "/v1/coupons/{id}"),
        ("/v1/invoices/in_1/lines?starting_after=il_1", "/v1/invoices/{id}/lines"),
        ("/v2/billing/rate_cards/rcd_1/rates/rcdr_1", "/v2/billing/rate_cards/{id}/rates/{id}"),
        ("/v2/core/events/evt_1", "/v2/core/events/{id}"),
        ("/v2/core/events?limit=100", "/v2/core/events"),
        ("/v1/terminal/readers/tmr_1", "/v1/terminal/readers/{id}"),
    ],
)
def test_an_endpoint_has_no_ids(path: str, name: str) -> None:
    assert endpoint(path) == name


def test_every_type_has_one_endpoint_for_all_its_objects() -> None:
    for object_type in TYPES.values():
        paths = [object_type.retrieve.format(id=one, parent="x_1") for one in ("abc", "a1")]
        assert len({endpoint(path) for path in paths}) == 1
