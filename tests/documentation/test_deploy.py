"""docs/deploy.md, compared with the template and the catalog."""

from docs import event_types
from tests.documentation.pages import blocks, table, text_of
from tests.template.templates import BUNDLE

DEPLOY = text_of("docs/deploy.md")


def test_the_parameters_are_those_of_the_template() -> None:
    shown = [(name.strip("`"), default.strip("`")) for name, default, _ in table(DEPLOY, "parameter")]
    assert shown == [(name, str(parameter["Default"])) for name, parameter in BUNDLE["Parameters"].items()]


def test_the_event_types_are_those_of_the_catalog() -> None:
    assert event_types.written(DEPLOY) == DEPLOY, "run `make docs`"
    assert blocks(DEPLOY, "text") == ["".join(f"{name}\n" for name in event_types.event_types())]


def test_no_secret_is_an_argument_of_a_command() -> None:
    for page in ("README.md", "docs/deploy.md", "docs/operations.md"):
        commands = "\n".join(blocks(text_of(page), "sh"))
        assert commands.count("--secret-string") == commands.count("--secret-string file:///dev/stdin")
        assert "rk_" not in commands
        assert "whsec_" not in commands
