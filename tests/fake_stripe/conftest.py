"""A new stand-in for every test, on a thread of the test's process."""

from collections.abc import Iterator

import pytest
import stripe

from dev.fake_stripe.account.backend import Backend
from dev.fake_stripe.api.server import running
from dev.fake_stripe.client import StandIn
from tests.fake_stripe.harness import (
    KEY,
    LIVE_KEY,
    PREVIEW,
    SECRET,
    Catalogue,
    Inbox,
    Wire,
    create_catalogue,
    listening,
)


@pytest.fixture
def stand_in() -> Iterator[StandIn]:
    with running(Backend([KEY, LIVE_KEY])) as server:
        yield StandIn(server.api_base)


@pytest.fixture
def wire(stand_in: StandIn) -> Wire:
    return Wire(stand_in.api_base)


@pytest.fixture
def sdk(stand_in: StandIn) -> stripe.StripeClient:
    return stripe.StripeClient(KEY, stripe_version=PREVIEW, base_addresses={"api": stand_in.api_base})


@pytest.fixture
def inbox(stand_in: StandIn) -> Iterator[Inbox]:
    """Receives the notifications. Request it after `catalogue` to leave out the catalogue's events."""
    with listening() as box:
        stand_in.destination(box.url, [SECRET])
        yield box


@pytest.fixture
def catalogue(stand_in: StandIn) -> Catalogue:
    return create_catalogue(stand_in)
