"""Reconcile never logs a secret or personal data, whatever fails."""

import time
from dataclasses import replace
from typing import Any

import pytest

from billing_mirror.core.catalog import USAGE
from dev.fake_stripe.client import StandIn
from tests.doubles.clock import ManualClock
from tests.functions.conftest import Cloud, Load

from .canaries import ANSWERS, FAULTS, PERSON, CapturedOutput, leaky_stripe
from .harness import CANARY


class Reconcile:
    """The reconcile handler, on made-up customers, without pauses."""

    def __init__(self, output: CapturedOutput, load: Load) -> None:
        self.module = output.load(load, "reconcile")
        self._lines = output

    def __call__(self, *types: str) -> dict[str, Any]:
        _pause_for_nothing(self.module)
        return self._lines.call(self.module, {"types": [*(types or ("customer",))]})

    def sweep(self) -> None:
        _pause_for_nothing(self.module)
        self._lines.call(self.module, {"job": "usage"})


def _pause_for_nothing(module: Any) -> None:  # noqa: ANN401 - what a function's module has is not declared
    ports = replace(module.dependencies.ports, clock=ManualClock(time.time()))
    module.dependencies = replace(module.dependencies, ports=ports)


@pytest.fixture
def reconcile(output: CapturedOutput, at_stripe: StandIn, load: Load) -> Reconcile:
    for number in range(3):
        at_stripe.create("customer", {**PERSON, "metadata": {"number": number}}, without_event=True)
    return Reconcile(output, load)


def test_repaired_objects_are_not_logged(reconcile: Reconcile, output: CapturedOutput, at_stripe: StandIn) -> None:
    assert reconcile()["runs"]["customer"]["repaired"] == 3
    changed, removed, _ = (one["id"] for one in at_stripe.objects("customer"))
    at_stripe.update(changed, {"name": f"Eve {CANARY}"}, without_event=True)
    at_stripe.remove(removed, without_event=True)
    assert reconcile()["runs"]["customer"]["repaired"] == 2
    output.require_no_canary("reconciled")


@pytest.mark.parametrize("path", ["/v1/customers?", "/v1/customers/"], ids=["the list", "the objects"])
def test_a_failure_of_stripes_leaves_no_customer_in_the_log(
    reconcile: Reconcile, output: CapturedOutput, at_stripe: StandIn, path: str
) -> None:
    for fault in FAULTS:
        at_stripe.faults(api=[{**fault, "path_prefix": path}])
        counts = reconcile()["runs"]["customer"]
        assert counts["reason"] or counts["unresolved"]
        output.require_no_canary('"status":')


@pytest.mark.usefixtures("at_stripe")
def test_what_stripe_says_in_an_error_is_not_passed_on(output: CapturedOutput, cloud: Cloud, load: Load) -> None:
    with leaky_stripe() as server:
        cloud.environment["STRIPE_API_BASE"] = server.address
        reconcile = Reconcile(output, load)
        for server.status, server.text in ANSWERS:
            reconcile()
            output.require_no_canary('"status":')


@pytest.mark.parametrize("port", ["stripe.get", "mirror.heads", "mirror.claim", "mirror.put"])
def test_an_unforeseen_error_is_logged_without_its_text(
    reconcile: Reconcile, output: CapturedOutput, monkeypatch: pytest.MonkeyPatch, port: str
) -> None:
    def fails(*_: object, **__: object) -> None:
        raise RuntimeError(f"{CANARY} {PERSON}")

    adapter, _, name = port.partition(".")
    monkeypatch.setattr(type(getattr(reconcile.module.dependencies.ports, adapter)), name, fails)
    counts = reconcile()["runs"]["customer"]
    assert counts["unresolved"] == 3 or "unforeseen RuntimeError" in counts["reason"]
    output.require_no_canary('"status":')


def test_a_missing_table_leaves_no_customer_in_the_log(
    reconcile: Reconcile, output: CapturedOutput, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reconcile.module.dependencies.ports.mirror, "_table", f"no-{CANARY}", raising=False)
    assert reconcile()["runs"]["customer"]["status"] != "complete"
    output.require_no_canary('"status":')


def test_a_key_that_stripe_does_not_know_is_never_quoted(
    output: CapturedOutput, cloud: Cloud, at_stripe: StandIn, load: Load
) -> None:
    assert at_stripe.api_base
    cloud.environment["STRIPE_KEY_ARN"] = cloud.secret("unknown-key", f"rk_test_{CANARY}")
    assert Reconcile(output, load)()["runs"]["customer"]["status"] != "complete"
    output.require_no_canary("401")


def test_the_usage_sweep_logs_no_customer(reconcile: Reconcile, output: CapturedOutput, at_stripe: StandIn) -> None:
    reconcile.sweep()
    at_stripe.faults(api=[{"status": 500}])
    reconcile.sweep()
    output.require_no_canary(USAGE.name)
