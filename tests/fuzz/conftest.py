"""The harness of ingest, and the handlers as tests/functions loads them."""

import pytest

from tests.functions.conftest import at_stripe as at_stripe
from tests.functions.conftest import cloud as cloud
from tests.functions.conftest import load as load

from .canaries import CapturedOutput
from .harness import IngestHarness


@pytest.fixture
def harness() -> IngestHarness:
    return IngestHarness()


@pytest.fixture
def output(caplog: pytest.LogCaptureFixture) -> CapturedOutput:
    return CapturedOutput(caplog)
