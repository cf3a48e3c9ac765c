"""One container of a function: runs its real handler in a process of its own, and reports what each invocation took."""

import contextlib
import importlib.util
import io
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from dev.benchmarks.events.model.ledger import Ledger
from dev.benchmarks.events.model.processor import held, lambdas_share
from dev.benchmarks.events.steps import VARIABLE, Steps
from dev.sandbox.ministack import CREDENTIALS
from dev.sandbox.toolchain import ROOT, SetupError, child_environment

Json = dict[str, Any]
ABOUT = {"AWS_LAMBDA_FUNCTION_NAME": "benchmark", "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "512"}


class Container:
    """A process that answers one event after the other."""

    def __init__(self, handler: Path, environment: Mapping[str, str], timeout: float) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dev.benchmarks.events.model.container", str(handler), str(timeout)],
            cwd=ROOT,
            env=child_environment() | CREDENTIALS | ABOUT | {"PYTHONPATH": f"{ROOT / 'layers'}:{ROOT}", **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        self._lock = threading.Lock()
        self._ending = contextlib.ExitStack()

    def hold(self, megabytes: int) -> None:
        """From now on the container has as much of a processor as Lambda gives for so much memory.

        Not before its first batch: a Lambda starts on a whole processor.
        https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
        """
        self._ending.enter_context(held(self._process.pid, lambdas_share(megabytes)))

    def invoke(self, event: Json) -> Json:
        """The handler's ``answer`` or ``error``, ``cpu`` and ``wall`` seconds, and its log and calls."""
        with self._lock:
            assert self._process.stdin is not None  # noqa: S101 - it is a pipe
            assert self._process.stdout is not None  # noqa: S101
            self._process.stdin.write(json.dumps(event) + "\n")
            self._process.stdin.flush()
            line = self._process.stdout.readline()
        if not line:
            raise SetupError(f"A container ended: {self._process.communicate()[1][-2000:]}")
        answer: Json = json.loads(line)
        return answer

    def close(self) -> None:
        self._process.kill()
        try:
            self._process.communicate()
        finally:
            self._ending.close()


@dataclass
class _Context:
    """What handlers use of Lambda's context object."""

    aws_request_id: str
    until: float
    function_name: str = "benchmark"

    def get_remaining_time_in_millis(self) -> int:
        return int((self.until - time.time()) * 1000)


class _Log(io.StringIO):
    """What a handler prints: its log lines and its metrics."""

    def drain(self) -> Json:
        text = self.getvalue()
        self.seek(0)
        self.truncate()
        metrics = [line for line in text.splitlines() if '"_aws"' in line]
        return {
            "log_bytes": len(text.encode()),
            "metric_bytes": sum(len(line.encode()) + 1 for line in metrics),
            "metrics": sorted({name for line in metrics for name in _names(json.loads(line))}),
        }


def _names(blob: Json) -> list[str]:
    """The custom metrics of a line in the embedded metric format: each name with each set of dimensions is one."""
    return [
        "/".join([metric["Name"], *(f"{name}={blob[name]}" for name in sorted(dimensions))])
        for directive in blob["_aws"]["CloudWatchMetrics"]
        for dimensions in directive["Dimensions"]
        for metric in directive["Metrics"]
    ]


def main() -> None:
    out = os.fdopen(os.dup(1), "w")
    log = _Log()
    sys.stdout = log
    ledger = Ledger()
    ledger.attach()
    module, timeout, steps = _loaded(Path(sys.argv[1])), float(sys.argv[2]), Steps()
    if VARIABLE in os.environ:
        steps.attach(module)
    ledger.drain()
    for number, line in enumerate(sys.stdin):
        context = _Context(f"request-{number}", time.time() + timeout)
        record = _serve(module.lambda_handler, json.loads(line), context)
        out.write(json.dumps({**record, **ledger.drain(), **log.drain(), "steps": steps.drain()}) + "\n")
        out.flush()


def _serve(handler: Any, event: Json, context: _Context) -> Json:  # noqa: ANN401 - a handler, as Lambda calls it
    started, cpu = time.time(), time.process_time()
    try:
        result: Json = {"answer": handler(event, context)}
    except Exception as error:  # noqa: BLE001 - as Lambda reports a failed invocation
        result = {"error": f"{type(error).__name__}: {error}"}
    return result | {"cpu": time.process_time() - cpu, "wall": time.time() - started}


def _loaded(handler: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("handler", handler)
    if spec is None or spec.loader is None:
        raise SetupError(f"{handler} is no module.")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    main()
