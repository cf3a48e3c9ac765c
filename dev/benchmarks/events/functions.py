"""What does one invocation of ingest cost, and its cold start? Beside the naive handler, in turn."""

import contextlib
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path

import stripe

from dev.benchmarks.events.model import aws_server
from dev.benchmarks.events.model.container import Container
from dev.benchmarks.events.model.queue import QueueModel
from dev.benchmarks.events.model.shipped import environment
from dev.benchmarks.events.model.stack import OURS, SEQUENTIAL, SIGNING_SECRET, Json, Variant, webhook_event
from dev.benchmarks.result import Result, table
from dev.sandbox.ministack import CREDENTIALS
from dev.sandbox.toolchain import ROOT, child_environment

REQUESTS = 200
"""Requests of one measurement."""
MOST_ACCEPTED, MOST_FORGED, MOST_COLD = 0.9, 0.1, 0.9
"""Processor time of an accepted request and of a cold start, relative to the naive handler; of a forged request,
relative to our accepted one."""
EVENT = (
    '{"id": "evt_test_%d", "object": "v2.core.event", "type": "v1.customer.updated", "livemode": false, '
    '"created": "2026-11-28T08:00:00.000Z", "context": null, "reason": null, "related_object": '
    '{"id": "cus_1", "type": "customer", "url": "/v1/customers/cus_1"}}'
)
START = """
import importlib.util, json, sys, time
started = time.process_time()
spec = importlib.util.spec_from_file_location("handler", sys.argv[1])
module = importlib.util.module_from_spec(spec)
spec.loader.exec_module(module)
print(json.dumps(time.process_time() - started))
"""


def run(repetitions: int = 15, requests: int = REQUESTS) -> Result:
    """Medians of processor time. Both handlers use Powertools, and send to a queue that answers at once.

    Each repetition has containers of its own: one process can be a fifth slower than the next, for as long as it lives.
    """
    queue = QueueModel(visibility=30.0)
    with aws_server.serving(queue, {"SigningSecret": SIGNING_SECRET}, lambda *_: 500) as server:
        variables = _variables(server.url)
        found: dict[str, dict[str, list[float]]] = {}
        for _ in range(repetitions):
            for variant in (OURS, SEQUENTIAL):
                figures = found.setdefault(variant.name, {"accepted": [], "forged": [], "cold start": []})
                with contextlib.closing(Container(variant.ingest, variables, 10)) as container:
                    figures["accepted"].append(_milliseconds(container, SIGNING_SECRET, 200, requests))
                    figures["forged"].append(_milliseconds(container, "whsec_other", 400, requests))
                figures["cold start"].append(_cold_start(variant, variables))
    return _result({name: {what: statistics.median(all_) for what, all_ in by.items()} for name, by in found.items()})


def _variables(url: str) -> dict[str, str]:
    resources = {
        "SigningSecret": "SigningSecret",
        "AWS::StackName": "benchmark",
        "Queue": f"{url}/1/queue",
        "Quarantine": f"{url}/1/{aws_server.QUARANTINE}",
    }
    endpoints = {"AWS_ENDPOINT_URL_SQS": url, "AWS_ENDPOINT_URL_SECRETS_MANAGER": url}
    return environment("IngestFunction", resources) | endpoints


def _milliseconds(container: Container, secret: str, expected: int, requests: int) -> float:
    """Processor time of one request."""
    records = [container.invoke(_signed(number, secret)) for number in range(requests)]
    wrong = [one for one in records if one.get("answer", {}).get("statusCode") != expected]
    if wrong:
        raise AssertionError(f"ingest answered otherwise than {expected}: {wrong[0]}")
    return 1000 * float(statistics.median(one["cpu"] for one in records))


def _signed(number: int, secret: str) -> Json:
    body = EVENT % number
    header = stripe.WebhookSignature.generate_signature_header(body, secret, int(time.time()))
    return webhook_event(body.encode(), header)


def _cold_start(variant: Variant, variables: Mapping[str, str]) -> float:
    """Milliseconds of processor time to load the handler, with bytecode."""
    done = subprocess.run(
        [sys.executable, "-c", START, str(variant.ingest)],
        env=child_environment() | CREDENTIALS | dict(variables) | _paths(),
        capture_output=True,
        text=True,
        check=True,
    )
    seconds: float = json.loads(done.stdout.splitlines()[-1])
    return seconds * 1000


def _paths() -> dict[str, str]:
    return {"PYTHONPATH": f"{ROOT / 'layers'}:{ROOT}", "PYTHONPYCACHEPREFIX": str(Path(ROOT) / "build" / "pycache")}


def _result(by: dict[str, dict[str, float]]) -> Result:
    ours, naive = by[OURS.name], by[SEQUENTIAL.name]
    ratios = {
        "accepted": ("ingest accepted, relative to naive", ours["accepted"] / naive["accepted"], MOST_ACCEPTED),
        "forged": ("ingest forged, relative to accepted", ours["forged"] / ours["accepted"], MOST_FORGED),
        "cold start": ("cold start, relative to naive", ours["cold start"] / naive["cold start"], MOST_COLD),
    }
    goals = [
        {"figure": sentence, OURS.name: ours[what], SEQUENTIAL.name: naive[what], "ratio": ratio, "goal": goal}
        for what, (sentence, ratio, goal) in ratios.items()
    ]
    result = Result(
        table("Ingest: processor time, ms", "", OURS.name, SEQUENTIAL.name, "ratio"),
        {"milliseconds": by, "goals": goals},
    )
    shown = {what: result.at_most(*ratio) for what, ratio in ratios.items()}
    for what, ratio in shown.items():
        result.table.add_row(what, f"{ours[what]:.2f}", f"{naive[what]:.2f}", ratio)
    return result
