"""What the tiers share: one local AWS for a whole run, no credentials, and what keeps the run short."""

import gc
import os
import signal
import threading
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import botocore.session
import pytest
from hypothesis import settings
from moto.core.model import Shape
from moto.core.serialize import ResponseSerializer

from dev.sandbox import ministack
from dev.sandbox.ministack import MiniStack

# Nothing of the machine's own accounts may reach a test, nor a test them.
for name in [name for name in os.environ if name.startswith(("AWS_", "STRIPE_"))]:
    del os.environ[name]
os.environ |= {**ministack.CREDENTIALS, "AWS_EC2_METADATA_DISABLED": "true"}

# A shell's background job ignores Ctrl-C, and so would the commands whose end by Ctrl-C is tested.
if threading.current_thread() is threading.main_thread():
    signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("suite", deadline=None)  # the machine's speed is not what is tested
settings.load_profile("suite")

# Every session of boto3 parses AWS's service models again, for 0.2 s: all sessions of a run share one cache of them.
setattr(botocore.session, "create_loader", cache(botocore.session.create_loader))  # noqa: B010 - mypy refuses to assign functions

_get_value = ResponseSerializer.get_value


def _value(serializer: ResponseSerializer, value: Any, key: str, shape: Shape) -> Any:  # noqa: ANN401 - moto's own
    """Half of moto's time for a read is a search, in several spellings, for types that an attribute does not have."""
    if isinstance(value, dict) and shape.parent.name == "AttributeValue":  # type: ignore[attr-defined]  # moto sets it
        return value.get(key)
    return _get_value(serializer, value, key, shape)


setattr(ResponseSerializer, "get_value", _value)  # noqa: B010 - as above


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Starts the slowest tiers first: with ``--dist worksteal`` one worker keeps them, and the others take the rest."""
    slowest = ("tests/sandbox/", "tests/benchmarks/")
    items.sort(key=lambda item: next((i for i, tier in enumerate(slowest) if tier in item.nodeid), len(slowest)))


def pytest_collection_finish() -> None:
    """Keeps the collected tests out of garbage collection, which otherwise walks them again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def local_aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[MiniStack]:
    """An emulator with nothing in it."""
    emulator = ministack.start(Path(tmp_path_factory.mktemp("aws")))
    yield emulator
    ministack.stop(emulator.pid)
