"""A sandbox that follows a Stripe test account of one's own."""

import pytest

from dev.sandbox.own_account import ASK_FOR_KEY, ASK_FOR_SECRET, how_to_listen, own_test_account
from dev.sandbox.toolchain import SetupError


def no_prompt(question: str) -> str:
    raise AssertionError(f"there was a prompt: {question}")


def test_key_and_secret_come_from_the_environment() -> None:
    given = {"STRIPE_API_KEY": "rk_test_1", "STRIPE_SIGNING_SECRET": "whsec_1"}
    stripe = own_test_account(given, no_prompt)
    assert (stripe.api_base, stripe.api_key, stripe.signing_secret) == (
        "https://api.stripe.com",
        "rk_test_1",
        "whsec_1",
    )


def test_a_prompt_asks_for_what_the_environment_lacks() -> None:
    answers = {ASK_FOR_KEY: "sk_test_2\n", ASK_FOR_SECRET: " whsec_2 "}
    stripe = own_test_account({}, answers.__getitem__)
    assert (stripe.api_key, stripe.signing_secret) == ("sk_test_2", "whsec_2")


@pytest.mark.parametrize(
    ("key", "secret", "what"),
    [
        ("rk_live_1", "whsec_1", "no test key"),
        ("", "whsec_1", "no test key"),
        ("rk_test_1 --live", "whsec_1", "no test key"),
        ("rk_test_1", "rk_test_1", "no signing secret"),
    ],
)
def test_a_live_key_or_another_text_is_refused_and_not_repeated(key: str, secret: str, what: str) -> None:
    answers = {ASK_FOR_KEY: key, ASK_FOR_SECRET: secret}
    with pytest.raises(SetupError, match=what) as refusal:
        own_test_account({}, answers.__getitem__)
    assert not key or key not in str(refusal.value)


@pytest.mark.parametrize("given", [{}, {"STRIPE_API_KEY": "rk_test_1"}])
def test_without_an_answer_it_says_what_to_set(given: dict[str, str]) -> None:
    def end_of_input(_: str) -> str:
        raise EOFError

    with pytest.raises(SetupError, match="set STRIPE_API_KEY and STRIPE_SIGNING_SECRET"):
        own_test_account(given, end_of_input)


def test_snapshot_and_thin_events_are_forwarded_to_the_webhook() -> None:
    said = "\n".join(how_to_listen("http://127.0.0.1:1/stripe/webhook"))
    assert "--forward-to http://127.0.0.1:1/stripe/webhook" in said
    assert "--thin-events '*' --forward-thin-to http://127.0.0.1:1/stripe/webhook" in said
