"""In which parts a long list is read at the same time, by when its objects were created.

A page of v1 names the next one only by its last object, so one reader gets one page for each answer of Stripe, whatever
the budget allows. A filter by creation makes several lists of one. The reader that has come some pages far keeps the
time before them, as long as their density suggests, and leaves everything older to another reader. An object's creation
never changes, so exactly one part has each object, in whichever order Stripe shows them.
https://docs.stripe.com/api/pagination
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from urllib.parse import urlencode

from .checkpoints import ListPart, PagePosition

MOST = 16
"""Parts that are read at the same time."""
PAGES_BEFORE_SPLIT = 3
"""Pages that a reader reads before it leaves a part of its list to another one: most lists are shorter."""
LENGTH = 12
"""The length of the time that a reader keeps, relative to the time that it has read: about ten readers work then."""
SINCE, UNTIL = "created[gte]", "created[lt]"


def filters(part: ListPart) -> Mapping[str, str]:
    """The query of a part."""
    return {name: str(bound) for name, bound in ((SINCE, part.since), (UNTIL, part.until)) if bound}


def after_page(
    part: ListPart, created: Sequence[int], following: PagePosition | None, *, others: int
) -> tuple[ListPart, ...]:
    """What is left of a part after a page whose objects were created then: nothing, the part, or two parts.

    ``others`` are read at the same time.
    """
    if following is None:
        return ()
    newest = part.newest or max(created, default=0)
    part = replace(part, page=following, pages=part.pages + 1, newest=newest)
    if part.since or not created or part.pages < PAGES_BEFORE_SPLIT or others + 2 > MOST:
        return (part,)
    since = created[-1] - LENGTH * max(1, newest - created[-1])
    if since <= 0:
        return (part,)
    url = f"{following.url}&{urlencode({SINCE: since})}"
    return replace(part, since=since, page=replace(following, url=url)), ListPart(until=since)


def restarted(part: ListPart) -> ListPart:
    """A part that has to be read again from its beginning."""
    return ListPart(part.since, part.until)
