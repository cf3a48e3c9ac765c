"""The harness of ingest, and the handlers as tests/functions loads them."""

from collections.abc import Iterator

import pytest

from tests.functions.conftest import at_stripe as at_stripe
from tests.functions.conftest import cloud as cloud
from tests.functions.conftest import load as load

from .canaries import CapturedOutput
from .harness import IngestHarness


@pytest.fixture
def harness() -> Iterator[IngestHarness]:
    made = IngestHarness()
    yield made
    made.close()


@pytest.fixture
def output(caplog: pytest.LogCaptureFixture) -> CapturedOutput:
    return CapturedOutput(caplog)
