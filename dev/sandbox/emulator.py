"""What runs in the emulator's process: MiniStack, the one call it lacks, and what lets it hold a large table.

By the call that it lacks, Stripe puts an event onto a bus.
PutEvents refuses sources that begin with `aws.`, here as on AWS. A partner has a call of its own, PutPartnerEvents, for
which MiniStack answers that all is well and does nothing.
"""

import gc
import runpy
from functools import lru_cache
from typing import Any

from ministack.services import dynamodb, eventbridge  # type: ignore[import-not-found]

NEVER = 1_000_000_000


def put_partner_events(given: dict[str, Any]) -> Any:  # noqa: ANN401 - MiniStack's own kind of answer
    """A partner event bus is named like the source whose events it takes."""
    entries = [{**entry, "EventBusName": entry["Source"]} for entry in given["Entries"]]
    return eventbridge._put_events({"Entries": entries}, allow_aws_source=True)


def hold_much() -> None:
    """Lets nobody wait for longer because there is more in the table: DynamoDB does not either.

    Python looks for garbage among all that lives each time this has grown by a quarter, and answers nobody meanwhile:
    for 0.2 s with two thousand items, and for the longer the more there are. MiniStack's tables are no garbage, so only
    what is young is looked at. And it reads an expression anew for each item that it is held against.
    """
    young, younger, _ = gc.get_threshold()
    gc.set_threshold(young, younger, NEVER)
    dynamodb._tokenize = lru_cache(dynamodb._tokenize)
    dynamodb._condition_syntax_error = lru_cache(dynamodb._condition_syntax_error)


if __name__ == "__main__":
    hold_much()
    eventbridge._put_partner_events = put_partner_events
    runpy.run_module("ministack", run_name="__main__", alter_sys=True)
