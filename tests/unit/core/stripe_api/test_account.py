"""Whether a key is of the mirrored account."""

import pytest

from billing_mirror.core.stripe_api.account import AccountMatch, Pin, judge_by_id, judge_by_sample

PIN = Pin("acct_1", "digest")


@pytest.mark.parametrize(
    ("pin", "account", "verdict"),
    [
        (None, "acct_1", AccountMatch.SAME),
        (None, "", AccountMatch.SAME),
        (PIN, "acct_1", AccountMatch.SAME),
        (PIN, "acct_2", AccountMatch.OTHER),
        (PIN, "", AccountMatch.UNKNOWN),
        (Pin("", "digest"), "acct_2", AccountMatch.UNKNOWN),
    ],
)
def test_accounts_are_compared_where_both_are_known(pin: Pin | None, account: str, verdict: AccountMatch) -> None:
    assert judge_by_id(pin, account) is verdict


@pytest.mark.parametrize(
    ("sampled", "found", "missing", "verdict"),
    [
        (0, 0, 0, AccountMatch.SAME),
        (5, 1, 4, AccountMatch.SAME),
        (5, 0, 5, AccountMatch.OTHER),
        (5, 0, 1, AccountMatch.OTHER),
        (5, 0, 0, AccountMatch.UNKNOWN),
    ],
)
def test_a_key_that_knows_no_mirrored_object_is_of_another_account(
    sampled: int, found: int, missing: int, verdict: AccountMatch
) -> None:
    assert judge_by_sample(sampled, found, missing) is verdict


def test_a_pin_is_read_as_it_was_written() -> None:
    assert Pin.from_item(PIN.to_item()) == PIN
    assert PIN.is_of("digest")
    assert not PIN.is_of("another")
