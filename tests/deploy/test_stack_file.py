"""A stack's file keeps what differs from the defaults, and a deploy sends the defaults of this version for the rest."""

from pathlib import Path

import pytest

from dev.deploy.cloudformation import defaults_in
from dev.deploy.stack_file import StackFile, WrongStackFile, overrides_of, path_of, read, write
from tests.template.templates import BUNDLE, ROOT

DEFAULTS = {"AlarmEmail": "", "MaxConcurrency": "5", "Monitoring": "on", "ReconcileRate": "rate(5 minutes)"}


def stored(folder: Path, text: str) -> Path:
    path = path_of("billing-live", folder)
    path.write_text(text)
    return path


def test_what_is_written_is_read_again(tmp_path: Path) -> None:
    path = path_of("billing-live", tmp_path / "stacks")
    given = StackFile("eu-central-1", "live", "my-code", {"AlarmEmail": "ops@example.com"})
    write(path, "billing-live", given, DEFAULTS)
    assert read(path, DEFAULTS) == given


def test_a_parameter_with_its_default_is_not_kept(tmp_path: Path) -> None:
    path = path_of("billing-live", tmp_path)
    write(
        path,
        "billing-live",
        StackFile("eu-central-1", parameters={"MaxConcurrency": "5", "Monitoring": "off"}),
        DEFAULTS,
    )
    assert read(path, DEFAULTS).parameters == {"Monitoring": "off"}
    assert "MaxConcurrency" not in path.read_text()


def test_a_deploy_sends_the_defaults_of_this_version_for_all_other_parameters(tmp_path: Path) -> None:
    path = stored(tmp_path, 'region = "eu-central-1"\n[parameters]\nMaxConcurrency = 8\n')
    assert read(path, DEFAULTS).values(DEFAULTS | {"Monitoring": "new"}) == {
        "AlarmEmail": "",
        "MaxConcurrency": "8",
        "Monitoring": "new",
        "ReconcileRate": "rate(5 minutes)",
    }


def test_tags_are_read(tmp_path: Path) -> None:
    path = stored(tmp_path, 'region = "eu-central-1"\n[tags]\nteam = "billing"\n"cost center" = 7\n')
    assert read(path, DEFAULTS).tags == {"team": "billing", "cost center": "7"}


def test_a_stack_of_an_older_version_overrides_only_what_differs_from_its_own_defaults() -> None:
    deployed = {"MaxConcurrency": "8", "StripePreviewVersion": "2026-01-01.preview", "Monitoring": "on", "Dropped": "x"}
    its_defaults = {
        "MaxConcurrency": "5",
        "StripePreviewVersion": "2026-01-01.preview",
        "Monitoring": "on",
        "Dropped": "",
    }
    new = {"MaxConcurrency": "5", "StripePreviewVersion": "", "Monitoring": "off"}
    assert overrides_of(deployed, its_defaults, new) == {"MaxConcurrency": "8"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("region = eu", "is not TOML"),
        ("[parameters]\n", "the region is missing"),
        ('region = ""\n', "the region is missing"),
        ('region = "eu-central-1"\nstack = "x"\n', "stack is none of region, profile, bucket, [parameters] and [tags]"),
        ('region = "eu-central-1"\n[parameters]\nAlarmMail = "x"\n', "this version has no parameter AlarmMail"),
        ('region = "eu-central-1"\n[parameters]\nMonitoring = true\n', 'text in quotes ("on", not true)'),
        ('region = "eu-central-1"\n[parameters]\nAlarmEmail = \'a"b\'\n', "holds a quote"),
    ],
)
def test_what_no_deploy_can_do_is_refused_with_the_file_and_the_entry(tmp_path: Path, text: str, sentence: str) -> None:
    path = stored(tmp_path, text)
    with pytest.raises(WrongStackFile) as refusal:
        read(path, DEFAULTS)
    assert str(path) in str(refusal.value)
    assert sentence in str(refusal.value)


def test_the_defaults_are_those_of_the_template() -> None:
    assert defaults_in(ROOT / "template.yaml") == {
        name: str(parameter["Default"]) for name, parameter in BUNDLE["Parameters"].items()
    }


def test_the_files_of_stacks_are_not_in_the_repository() -> None:
    assert "/stacks/" in (ROOT / ".gitignore").read_text().splitlines()


def test_what_is_in_the_repository_names_no_stack() -> None:
    assert "deploy" not in (ROOT / "samconfig.toml").read_text().replace("make deploy", "")
