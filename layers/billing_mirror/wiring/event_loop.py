"""Builds the event loop of a container."""

import asyncio
from concurrent.futures import ThreadPoolExecutor

from billing_mirror.adapters.aws import THREADS


def runner() -> asyncio.Runner:
    """The event loop of a container, with threads for blocking calls."""
    created = asyncio.Runner()
    created.get_loop().set_default_executor(ThreadPoolExecutor(THREADS))
    return created
