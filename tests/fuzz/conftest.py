"""The gate of ingest, and the handlers as their own tier loads them."""

from collections.abc import Iterator

import pytest

from tests.functions.conftest import at_stripe as at_stripe
from tests.functions.conftest import cloud as cloud
from tests.functions.conftest import load as load

from .canaries import Lines
from .harness import Gate


@pytest.fixture
def gate() -> Iterator[Gate]:
    made = Gate()
    yield made
    made.close()


@pytest.fixture
def lines(caplog: pytest.LogCaptureFixture) -> Lines:
    return Lines(caplog)
