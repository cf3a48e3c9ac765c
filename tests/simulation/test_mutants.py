"""The proof can fail: mutants of the code are caught. All of them: ``make mutants``."""

import json
from pathlib import Path

import pytest

from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.table import mirror_state
from billing_mirror.core.table.mirror_state import CLAIM_DIES_AFTER, Claim, Head, is_in_flight
from billing_mirror.process.messages import MessageResult, ReceivedMessage, WorkItem
from billing_mirror.reconcile.dependencies import ReconcileDependencies
from billing_mirror.reconcile.jobs.dry_run import dry_run_dependencies
from tests.doubles.mirror import MemoryMirror

from .mutants import trial
from .mutants.__main__ import REPORT, report, result_of
from .mutants.activation import BrokenMutant, activated
from .mutants.every import MUTANTS, TOPICS, named
from .mutants.registry import Mutant, mutant, replaces
from .mutants.trial import Caught, catch, run_seeds

ENOUGH = 60
"""Seeds within which a quick one is caught."""


@mutant("a dry run is none")
@replaces(dry_run_dependencies)
def never_called(dependencies: ReconcileDependencies) -> ReconcileDependencies:
    return dependencies


@mutant("nothing is wrong")
@replaces(is_in_flight)
def changes_nothing(head: Head | None, claim: Claim | None, *, now: float) -> bool:
    return is_in_flight(head, claim, now=now)


@mutant("nothing holds the lambda that is replaced")
@replaces(lambda: 1)
def replaces_nothing() -> int:
    return 2


@mutant("the variant means the original, and calls itself")
@replaces(mirror_state.is_fresh_enough)
def calls_itself(head: Head | None, *, sent_at: float, margin: float) -> bool:
    return mirror_state.is_fresh_enough(head, sent_at=sent_at, margin=margin)


@pytest.fixture
def in_this_process(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mutants of this test are not known to another process."""
    monkeypatch.setattr(trial, "_try_in_a_process", run_seeds)


@pytest.mark.parametrize("quick", [one for one in MUTANTS if one.quick], ids=lambda one: one.sentence.replace(" ", "-"))
def test_a_quick_mutant_is_caught(quick: Mutant) -> None:
    assert catch(quick, most=ENOUGH) is not None


@pytest.mark.parametrize("any_mutant", MUTANTS, ids=lambda one: one.sentence.replace(" ", "-"))
def test_each_mutant_can_be_activated(any_mutant: Mutant) -> None:
    with activated(any_mutant) as calls:
        assert calls.counts.keys() == {one.name for one in any_mutant.replacements}


def test_there_are_enough_mutants_and_each_is_one_of_its_kind() -> None:
    assert len({one.sentence for one in MUTANTS}) == len(MUTANTS) >= 79
    assert len({one.replacements for one in MUTANTS}) == len(MUTANTS)
    assert all(named(one.sentence) is one for one in MUTANTS)
    assert len(TOPICS) >= 13


def test_a_function_is_replaced_wherever_it_was_imported_and_only_meanwhile() -> None:
    claim = Claim(2, 0.0)
    with activated(named("the claim of a dead worker keeps verify away for good")) as calls:
        assert mirror_state.is_in_flight(None, claim, now=2 * CLAIM_DIES_AFTER)
        assert is_in_flight(None, claim, now=2 * CLAIM_DIES_AFTER)
        assert set(calls.counts.values()) == {2}
    assert not mirror_state.is_in_flight(None, claim, now=2 * CLAIM_DIES_AFTER)
    assert not is_in_flight(None, claim, now=2 * CLAIM_DIES_AFTER)


def test_a_property_and_a_method_are_replaced_in_their_class() -> None:
    task = WorkItem(ReceivedMessage("1", "", "", 0.0, 1))
    before = MemoryMirror._newer
    with activated(named("a postponed message is acknowledged")):
        assert not MessageResult(task, Outcome.POSTPONED).retry
    with activated(named("the write has no condition")):
        assert MemoryMirror._newer is not before
    assert MessageResult(task, Outcome.POSTPONED).retry
    assert MemoryMirror._newer is before


def test_activation_fails_where_nothing_is_replaced() -> None:
    with pytest.raises(BrokenMutant, match=r"nothing holds .*lambda"), activated(replaces_nothing):
        pass


@pytest.mark.usefixtures("in_this_process")
def test_a_mutant_that_never_ran_is_broken_and_one_that_ran_has_survived() -> None:
    with pytest.raises(BrokenMutant, match=r"never called: test_mutants\.never_called"):
        catch(never_called, most=2)
    assert catch(changes_nothing, most=ENOUGH) is None


@pytest.mark.usefixtures("in_this_process")
def test_a_mutant_that_calls_itself_is_broken() -> None:
    with pytest.raises(BrokenMutant, match=r"calls itself .*: test_mutants\.calls_itself"):
        catch(calls_itself, most=3)


def test_another_process_says_why_a_mutant_is_broken() -> None:
    result = result_of(never_called)
    assert isinstance(result, BrokenMutant)
    assert "a dry run is none" in str(result)


def test_the_report_tells_a_broken_mutant_from_one_that_survived(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    results = {
        never_called: BrokenMutant("never called"),
        changes_nothing: None,
        calls_itself: Caught(3, False, "lost", "cus_1", 4),
    }
    report(results, 1.0)
    assert "1 of 3 caught, 1 survived, 1 broken" in capsys.readouterr().out
    written = json.loads(REPORT.read_text())
    assert (written["survived"], written["broken"]) == (1, 1)
    assert [entry["broken"] for entry in written["mutants"]] == ["never called", None, None]
    assert [bool(entry["caught"]) for entry in written["mutants"]] == [False, False, True]
