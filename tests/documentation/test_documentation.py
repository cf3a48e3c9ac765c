"""What the pages claim is what there is."""

import ast
import inspect
import json
import re
from dataclasses import fields
from pathlib import Path

import pytest
from cfnlint.decode import cfn_yaml  # type: ignore[import-untyped]

from billing_mirror.core import catalog
from billing_mirror.core.errors import ConfigurationError
from billing_mirror.core.run import Job, Run
from billing_mirror.core.run_request import RunRequest
from billing_mirror.reader import Difference, Drift, Reader, Resolution
from docs import types_table
from tests.template_file import ROOT

README = (ROOT / "README.md").read_text()
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *ROOT.glob("docs/**/*.md")])


def rows_of(heading: str) -> list[list[str]]:
    """The cells of the README's table that begins with a heading."""
    table = README[README.index(f"| {heading} |") :].split("\n\n")[0]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


def test_the_readmes_table_of_types_is_what_the_catalog_says() -> None:
    assert types_table.written(README) == README, "run `make docs`"
    assert f"[{len(catalog.TYPES)} types](#what-is-mirrored)" in README
    assert sorted(cells[0] for cells in rows_of("type")) == sorted(f"`{name}`" for name in catalog.TYPES)


def test_a_type_is_called_silent_only_where_stripe_publishes_no_event_of_it() -> None:
    published = (ROOT / "tests" / "published_event_types.txt").read_text().splitlines()
    told = {line.split()[1] for line in published} | {
        catalog.RESOURCES[resource]
        for line in published
        if (resource := line.split()[0].rpartition(".")[0]) in catalog.RESOURCES
    }
    silent = {object_type.name for object_type in catalog.TYPES.values() if object_type.sends_no_events}
    assert silent == {
        name for name, object_type in catalog.TYPES.items() if name not in told and not object_type.events
    }


def test_the_readme_lists_the_parameters_of_the_template() -> None:
    parameters = cfn_yaml.load(str(ROOT / "template.yaml"))["Parameters"]
    told = {name.strip("`"): default.strip("`") for name, default, _ in rows_of("parameter")}
    assert told == {name: str(one["Default"]) for name, one in parameters.items()}


def test_every_output_that_the_readme_names_exists() -> None:
    outputs = cfn_yaml.load(str(ROOT / "template.yaml"))["Outputs"]
    named = set(re.findall(r"\b(\w+(?:Arn|Url)|TableName|ReconcileFunction)\b", README))
    assert {"WebhookUrl", "BillingMirrorLayerArn", "DependenciesLayerArn"} <= named <= outputs.keys()


def test_every_make_target_that_is_named_exists() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    named = {target for page in PAGES for target in re.findall(r"\bmake ([a-z]+(?:-[a-z]+)*)`", page.read_text())}
    shown = set(re.findall(r"^make ([a-z-]+)", README, re.MULTILINE))
    assert shown == {"demo", "test"}
    assert named | shown <= targets


def test_every_call_of_the_reader_that_is_shown_can_be_made() -> None:
    code = re.findall(r"```python\n(.*?)```", README, re.DOTALL)[0]
    calls = [node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.Call)]
    shown = [call for call in calls if isinstance(call.func, ast.Attribute)]
    assert shown
    for call in shown:
        assert isinstance(call.func, ast.Attribute)
        signature = inspect.signature(getattr(Reader, call.func.attr))
        signature.bind(None, *call.args)


def test_every_job_is_told_and_can_be_asked_for_as_it_is_shown() -> None:
    assert [cells[0].strip("`") for cells in rows_of("job")] == ["events", "backfill", "objects", "usage"]
    wishes = [RunRequest.parse(json.loads(shown)) for shown in re.findall(r"^ask '([^']+)'", README, re.MULTILINE)]
    jobs = {job for wish in wishes if wish is not None for _, job in wish.jobs}
    assert jobs == set(Job)
    assert [wish.dry_run for wish in wishes if wish is not None].count(True) == 1


def test_the_record_that_is_shown_has_the_columns_that_a_record_has() -> None:
    (shown,) = re.findall(r"```json\n(.*?)```", README, re.DOTALL)
    ((name, record),) = json.loads(shown).items()
    assert record.keys() | {"type", "expires_at"} == Run(name, Job.VERIFY, 0.0).to_item().keys()
    assert record["found"] == record["repaired"] + record["unresolved"]
    assert record["compared"] == record["equal"] + record["missing"] + record["different"] + record["false_alarms"]


def test_the_evidence_that_is_shown_is_what_the_reader_answers() -> None:
    (lines,) = re.findall(r"```json lines\n(.*?)```", README, re.DOTALL)
    shown = [json.loads(line) for line in lines.splitlines()]
    assert len(shown) == 2
    for one in shown:
        assert list(one) == [column.name for column in fields(Drift)]
        assert one["difference"] in [*Difference]
        assert one["resolution"] in [*Resolution]
    order = [(one["run"], one["id"]) for one in shown]
    assert order == sorted(order, reverse=True)


def test_a_wish_that_is_refused_is_answered_as_shown() -> None:
    (sentence,) = re.findall(r'\{"refused": "([^"]+)"\}', README)
    with pytest.raises(ConfigurationError, match=f"^{re.escape(sentence)}$"):
        RunRequest.parse({"types": ["charge"]})


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_within_the_repository_leads_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)\)", page.read_text())
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


def test_every_file_that_the_architecture_names_exists() -> None:
    text = (ROOT / "docs" / "architecture.md").read_text()
    package = ROOT / "layers" / "billing_mirror"
    named = re.findall(r"`((?:functions|flows|adapters|core|tests)/[\w/.]+)`", text)
    assert named
    assert [name for name in named if not (ROOT / name).exists() and not (package / name).exists()] == []


def test_every_decision_is_listed() -> None:
    decisions = ROOT / "docs" / "decisions"
    index = (decisions / "README.md").read_text()
    assert [page.name for page in decisions.glob("0*.md") if page.name not in index] == []
