"""What does the same walk cost by the stripe library's own list objects?

The library has no classes for v2.billing. Its manual names `raw_request` and `deserialize` for such cases, and
`auto_paging_iter` for walking lists: https://github.com/stripe/stripe-python#custom-requests
"""

import itertools
import time
from collections.abc import Iterator
from typing import Any

import stripe

from billing_mirror.core.object_ref import Scope, ref_to
from billing_mirror.core.runs.drift import compare
from billing_mirror.core.runs.fingerprints import pack
from billing_mirror.wiring.event_loop import runner
from dev.benchmarks import isolated_process
from dev.benchmarks.reconcile.ports import VERSION, AgreeingMirror
from dev.benchmarks.reconcile.synthetic_data import SUBSCRIPTION
from dev.benchmarks.reconcile.synthetic_server import LIST
from dev.benchmarks.server_process import KEY

BATCH = 100


def main() -> None:
    given = isolated_process.given()
    client = stripe.StripeClient(
        KEY,
        stripe_version=VERSION,
        base_addresses={"api": given["api_base"]},
        http_client=stripe.RequestsClient(),
    )
    mirror = AgreeingMirror(0)
    started_at = time.process_time()
    first: Any = client.deserialize(client.raw_request("get", f"{LIST}?limit={BATCH}"), api_mode="V2")
    walked, differing = _compared(first, mirror) if given["compare"] else (sum(1 for _ in first.auto_paging_iter()), 0)
    isolated_process.report(
        walked=walked,
        differing=differing,
        cpu_seconds=time.process_time() - started_at - mirror.seconds,
        peak_mib=isolated_process.peak_mib(),
        list_class=f"{type(first).__module__}.{type(first).__qualname__}",
    )


def _compared(first: Any, mirror: AgreeingMirror) -> tuple[int, int]:  # noqa: ANN401 - the library's class is private
    """Walks and compares each object as reconcile does; returns how many there were, and how many differed."""
    walked = differing = 0
    scope = Scope(livemode=False)
    with runner() as loop:
        for entries in _batches(first):
            refs = {one["id"]: ref_to(scope, SUBSCRIPTION.name, one["id"]) for one in entries}
            heads = loop.run(mirror.heads(refs.values()))
            by_id = {identifier: heads[ref.key] for identifier, ref in refs.items()}
            differing += len(compare(SUBSCRIPTION, entries, by_id, VERSION))
            pack(refs)
            walked += len(entries)
    return walked, differing


def _batches(first: Any) -> Iterator[list[dict[str, Any]]]:  # noqa: ANN401
    walk = iter(first.auto_paging_iter())
    while batch := [one.to_dict() for one in itertools.islice(walk, BATCH)]:
        yield batch


if __name__ == "__main__":
    main()
