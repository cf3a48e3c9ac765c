"""How does a sandbox follow a Stripe test account of one's own? ``make sandbox STRIPE=test``.

Events come through Stripe's command line: https://docs.stripe.com/cli/listen
"""

import re
from collections.abc import Callable, Mapping

from dev.sandbox.deploy import Stripe
from dev.sandbox.toolchain import SetupError

API_BASE = "https://api.stripe.com"
ASK_FOR_KEY = "A test key of your Stripe account, restricted and read-only (rk_test_...): "
ASK_FOR_SECRET = "The signing secret that `stripe listen --print-secret` prints (whsec_...): "  # noqa: S105
_TEST_KEY = re.compile(r"(rk|sk)_test_\w+", re.ASCII)
_SECRET = re.compile(r"whsec_\w+", re.ASCII)


def own_test_account(environ: Mapping[str, str], ask: Callable[[str], str]) -> Stripe:
    """The account of a test key, from the environment or from a hidden prompt. Raises ``SetupError``."""
    try:
        api_key = (environ.get("STRIPE_API_KEY") or ask(ASK_FOR_KEY)).strip()
        if not _TEST_KEY.fullmatch(api_key):
            raise SetupError("That is no test key of Stripe: it begins with rk_test_ or sk_test_. Nothing was started.")
        secret = (environ.get("STRIPE_SIGNING_SECRET") or ask(ASK_FOR_SECRET)).strip()
    except EOFError:
        raise SetupError(
            "There is no answer: set STRIPE_API_KEY and STRIPE_SIGNING_SECRET to be asked nothing. Nothing was started."
        ) from None
    if not _SECRET.fullmatch(secret):
        raise SetupError("That is no signing secret: it begins with whsec_. Run `stripe listen --print-secret`.")
    return Stripe(API_BASE, api_key, secret)


def how_to_listen(webhook_url: str) -> list[str]:
    """What to run in another terminal so that the account's events arrive."""
    return [
        "Leave this running in another terminal (Stripe's command line 1.33.1 or newer):",
        f"  stripe listen --forward-to {webhook_url} \\",
        f"    --thin-events '*' --forward-thin-to {webhook_url}",
        "Then change something, such as: stripe products create --name 'A product'",
        "What the account holds already is backfilled by a run of reconcile; docs/sandbox.md says how to start one.",
    ]
