"""docs/command.md, compared with the command."""

import pytest

from billing_mirror_cli.failures import ExitCode
from billing_mirror_cli.health.verdict import State
from billing_mirror_cli.stripe.event_types import event_types as shipped
from docs import command_page, event_types
from tests.documentation.pages import first_column, headings, section, text_of

PAGE = text_of("docs/command.md")


def test_the_help_of_every_verb_is_what_the_command_prints(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("BILLING_MIRROR_STACK", raising=False)
    assert command_page.verbs()
    assert command_page.written(PAGE) == PAGE, "run `make docs`"
    assert headings(section(PAGE, "## Verbs")) == [
        command_page.EVERY,
        *(" ".join(verb) for verb in command_page.verbs()),
    ]


def test_the_exit_codes_are_those_of_the_code() -> None:
    assert first_column(PAGE, "code") == [str(code.value) for code in ExitCode]


def test_the_verdicts_are_those_of_the_code() -> None:
    assert first_column(PAGE, "verdict") == [state.upper() for state in State]


def test_the_event_types_that_the_command_prints_are_those_of_the_catalog() -> None:
    assert shipped() == event_types.event_types(), "run `make docs`"
