"""What the tiers share: one local AWS for a whole run, and the deployed bundle in one of its own."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from dev.sandbox import ministack
from dev.sandbox.ministack import MiniStack

# Nothing of the machine's own accounts may reach a test, nor a test them.
for name in [name for name in os.environ if name.startswith(("AWS_", "STRIPE_"))]:
    del os.environ[name]
os.environ |= {**ministack.CREDENTIALS, "AWS_EC2_METADATA_DISABLED": "true"}

settings.register_profile("suite", deadline=None)  # the machine's speed is not what is tested
settings.load_profile("suite")


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiniStack]:
    """An emulator with nothing in it."""
    emulator = ministack.start(Path(tmp_path_factory.mktemp("aws")))
    yield emulator
    ministack.stop(emulator.pid)
