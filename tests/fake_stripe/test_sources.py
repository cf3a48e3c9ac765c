"""The stand-in's files agree with each other, and import nothing of Billing Mirror."""

from pathlib import Path

import pytest

import dev.fake_stripe
from dev.fake_stripe.api.control import CALLS
from dev.fake_stripe.api.faults import DEFAULTS

FOLDER = Path(str(dev.fake_stripe.__file__)).parent
README = (FOLDER / "README.md").read_text()


@pytest.mark.parametrize("path", sorted(FOLDER.rglob("*.py")), ids=lambda path: str(path.relative_to(FOLDER)))
def test_the_stand_in_shares_no_code_with_billing_mirror(path: Path) -> None:
    assert "billing_mirror" not in path.read_text()


@pytest.mark.parametrize("name", sorted({name for _, name in CALLS}))
def test_every_control_call_is_described(name: str) -> None:
    assert f"POST {name}`" in README or f"GET {name}" in README


@pytest.mark.parametrize("name", sorted(DEFAULTS))
def test_every_setting_is_described(name: str) -> None:
    assert f"| `{name}` |" in README
