"""What runs in the emulator's process: MiniStack, and the one call it lacks, by which Stripe puts an event onto a bus.

PutEvents refuses sources that begin with `aws.`, here as on AWS. A partner has a call of its own, PutPartnerEvents, for
which MiniStack answers that all is well and does nothing.
"""

import runpy
from typing import Any

from ministack.services import eventbridge  # type: ignore[import-not-found]


def put_partner_events(given: dict[str, Any]) -> Any:  # noqa: ANN401 - MiniStack's own kind of answer
    """A partner event bus is named like the source whose events it takes."""
    entries = [{**entry, "EventBusName": entry["Source"]} for entry in given["Entries"]]
    return eventbridge._put_events({"Entries": entries}, allow_aws_source=True)


if __name__ == "__main__":
    eventbridge._put_partner_events = put_partner_events
    runpy.run_module("ministack", run_name="__main__", alter_sys=True)
