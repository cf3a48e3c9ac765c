"""How many objects a run may remove without a person's word."""

import pytest

from billing_mirror.core.runs.brake import are_too_many


@pytest.mark.parametrize(
    ("removed", "known", "too_many"),
    [
        (0, 0, False),
        (1, 1, False),
        (20, 20, False),
        (21, 21, True),
        (21, 104, True),
        (21, 105, False),
        (200, 1000, False),
        (201, 1000, True),
    ],
)
def test_more_than_a_few_and_more_than_a_fifth_are_too_many(removed: int, known: int, too_many: bool) -> None:
    assert are_too_many(removed, known) is too_many
