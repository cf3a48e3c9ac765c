"""A run of which one write is made twice, because its answer was lost, ends and counts like any other."""

import itertools
from dataclasses import replace

import pytest

from billing_mirror.core.run import Status
from tests.doubles.repeating import Repetition, repeating

from .test_lifecycle import SCENARIOS, Scenario


@pytest.mark.parametrize("scene", SCENARIOS.values(), ids=SCENARIOS)
async def test_a_run_whose_write_is_repeated_ends_like_one_whose_is_not(scene: Scenario) -> None:
    undisturbed = await scene.harness()
    written = (await scene.worked(undisturbed.reconcile_dependencies)).counts.written
    expected = await scene.end(undisturbed)
    assert expected.status is Status.COMPLETE
    for nth in itertools.count(1):
        harness, repetition = await scene.harness(), Repetition(nth)
        dependencies = harness.reconcile_dependencies
        ports = replace(dependencies.ports, mirror=repeating(harness.mirror, repetition))
        state_store = repeating(harness.state_store, repetition)
        run = await scene.worked(replace(dependencies, ports=ports, state_store=state_store))
        assert await scene.end(harness) == expected, f"write {nth} was repeated"
        assert run.counts.written == written
        if not repetition.was_made:
            break
