"""The page after a checkout: it waits until the mirror shows the subscription, and asks for a fetch if no event comes.

``subscription``, of either API, and ``paid_at`` are what your server knows from Stripe's answer to the checkout.
"""

from datetime import datetime

from billing_mirror.reader import NotRefreshed, Reader


def success_page(reader: Reader, subscription: str, paid_at: datetime) -> str:
    """The text of the page. Give the reader ``refresh``, the URL of the stack's queue."""
    try:
        found = reader.wait_for(subscription, since=paid_at, timeout=10)
    except NotRefreshed:
        return "Thank you. Your subscription is being set up; this page shows it in a moment."
    status = found.body.get("status") or found.body["servicing_status"]
    return f"Thank you. Your subscription is {status}."
