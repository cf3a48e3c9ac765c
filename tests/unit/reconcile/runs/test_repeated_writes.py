"""A run of which one write is made twice, because its answer was lost, ends and counts like any other."""

import itertools
from dataclasses import replace

import pytest

from billing_mirror.core.runs.run import Status
from tests.doubles.repeating import Repetition, repeating

from .test_lifecycle import SCENARIOS, Scenario


@pytest.mark.parametrize("scenario", SCENARIOS.values(), ids=SCENARIOS)
async def test_a_run_whose_write_is_repeated_ends_like_one_whose_is_not(scenario: Scenario) -> None:
    undisturbed = await scenario.harness()
    written = (await scenario.worked(undisturbed.reconcile_dependencies)).counts.written
    expected = await scenario.end(undisturbed)
    assert expected.status is Status.COMPLETE
    for nth in itertools.count(1):
        harness, repetition = await scenario.harness(), Repetition(nth)
        dependencies = harness.reconcile_dependencies
        ports = replace(dependencies.ports, mirror=repeating(harness.mirror, repetition))
        state_store = repeating(harness.state_store, repetition)
        run = await scenario.worked(replace(dependencies, ports=ports, state_store=state_store))
        assert await scenario.end(harness) == expected, f"write {nth} was repeated"
        assert run.counts.written == written
        if not repetition.was_made:
            break
