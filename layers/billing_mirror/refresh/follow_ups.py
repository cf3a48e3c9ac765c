"""The refresh requests that a fetch leads to. A chain of them ends before AWS would stop it.

Process sends to the queue that invokes it. Lambda counts the invocations of such a chain, and by default stops it after
16: https://docs.aws.amazon.com/lambda/latest/dg/invocation-recursion.html
"""

from billing_mirror.core.events.messages import RefreshRequest, write_message
from billing_mirror.ports import Queue

MAX_HOPS = 10
"""Requests of a chain. The event before them, and the same event about another owner, are two more invocations."""


class FollowUps:
    """Sends the refresh requests that one fetch leads to. ``hops`` is the number of requests that led to the fetch."""

    def __init__(self, queue: Queue, hops: int) -> None:
        self._queue = queue
        self._hops = hops
        self.are_due = False
        """Whether a request was left out, because the chain would have got too long."""
        self.removals_are_held = False
        """Whether requests were left out, because a list lacks too many of its former members."""

    async def send(self, request: RefreshRequest, *, group: str, delay: int = 0) -> None:
        """Sends a request, unless it would make the chain too long. ``delay`` is in seconds."""
        if self._hops >= MAX_HOPS:
            self.are_due = True
            return
        following = request.model_copy(update={"hops": self._hops + 1})
        await self._queue.send(write_message(following), group=group, delay=delay)
