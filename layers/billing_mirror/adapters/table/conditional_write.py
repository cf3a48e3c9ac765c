"""Writes that DynamoDB makes only on a condition."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from botocore.exceptions import ClientError

from ..aws import is_refused_condition, transient_errors
from . import SERVICE

T = TypeVar("T")


async def write_if(write: Callable[[], object]) -> bool:
    """Makes a conditional write in a thread; False where the condition does not hold."""
    return await answer_if(lambda: (write(),)) is not None  # a tuple, as the answer itself may be None


async def answer_if(write: Callable[[], T]) -> T | None:
    """The answer to a conditional write, made in a thread; None where the condition does not hold."""
    with transient_errors(SERVICE):
        try:
            return await asyncio.to_thread(write)
        except ClientError as error:
            if is_refused_condition(error):
                return None
            raise
