"""One invocation of the reconcile function, in the background: its answer may take a quarter of an hour."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from billing_mirror.core import json_body
from billing_mirror.core.json_body import JsonObject
from billing_mirror.reconcile.report import Result

from ..failures import Failure
from .records import refused

if TYPE_CHECKING:
    from mypy_boto3_lambda import LambdaClient


class Invocation:
    """Starts at once. The function continues also when the command does not wait for the answer."""

    def __init__(self, functions: LambdaClient, name: str, payload: JsonObject) -> None:
        self._functions = functions
        self._name = name
        self._payload = json_body.write(payload).encode()
        self._answer: JsonObject | None = None
        self._error: BotoCoreError | ClientError | None = None
        # A daemon: the end of the command must not wait for it.
        self._thread = threading.Thread(target=self._invoke, daemon=True)
        self._thread.start()

    @property
    def ended(self) -> bool:
        return not self._thread.is_alive()

    @property
    def lost(self) -> BotoCoreError | ClientError | None:
        """The error that hid the answer. The function may have started all the same."""
        return self._error if self.ended else None

    @property
    def answer(self) -> JsonObject:
        """The answer; empty while there is none. Raises :class:`Failure` where the function refused or failed."""
        if not self.ended or self._answer is None:
            return {}
        failure = refused(self._answer) or self._failed()
        if failure is not None:
            raise failure
        return self._answer

    @property
    def is_busy(self) -> bool:
        """Whether another invocation was at work: then ticks work on the runs that were started."""
        return self.answer.get("result") == Result.BUSY

    def wait(self, seconds: float) -> None:
        """Waits for the end, for so long at most."""
        self._thread.join(seconds)

    def _invoke(self) -> None:
        try:
            answer = self._functions.invoke(FunctionName=self._name, Payload=self._payload)
            self._answer = json_body.parse(answer["Payload"].read().decode("utf-8"))
        except (BotoCoreError, ClientError) as error:
            self._error = error
        except json_body.Malformed:
            self._answer = {"errorMessage": "its answer is not a JSON object"}

    def _failed(self) -> Failure | None:
        message = (self._answer or {}).get("errorMessage")
        if message is None:
            return None
        return Failure(
            f"The reconcile function failed: {message}",
            "Its log has the trace; docs/operations.md#reconcilefails says what to do",
        )
