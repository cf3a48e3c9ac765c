"""Which page of a list comes next.

v2 names it: https://docs.stripe.com/api-v2-overview#list-pagination; v1 wants the id of the last object
on the page: https://docs.stripe.com/api/pagination
"""

import re
from collections.abc import Mapping
from urllib.parse import urlencode

from ..errors import PermanentError, TransientError
from ..json_body import Json, JsonObject, text_at

_ODD = re.compile(r"[^!-~]|#")

PAGE_SIZE = 100
"""Objects requested per page."""


def first_page(path: str, query: Mapping[str, str]) -> str:
    """The path of a list's first page."""
    return f"{path}?{urlencode({'limit': str(PAGE_SIZE), **query})}"


def entries(page: JsonObject) -> list[JsonObject]:
    """The objects of a page. Raises :class:`TransientError` for a body that is not a page."""
    data = page.get("data")
    if not isinstance(data, list) or not ("next_page_url" in page or isinstance(page.get("has_more"), bool)):
        raise TransientError("Stripe answered a list request with something that is not a page")
    objects = [entry for entry in data if isinstance(entry, dict)]
    if len(objects) != len(data):
        raise TransientError("Stripe answered a list request with a page that has other entries than objects")
    return objects


def next_page(page: JsonObject, *, path: str, query: Mapping[str, str]) -> str | None:
    """The path of the page after ``page``, or None at the end of the list at ``path``.

    Raises :class:`PermanentError` where it points to another list: our key is sent there.
    """
    if "next_page_url" not in page:
        return _after_the_last(page, path, query)
    url: Json = page["next_page_url"]
    if url is None:
        return None
    if not isinstance(url, str) or url.partition("?")[0] != path or _ODD.search(url):
        raise PermanentError(f"the next page of {path} is said to be somewhere else")
    return url


def _after_the_last(page: JsonObject, path: str, query: Mapping[str, str]) -> str | None:
    if page.get("has_more") is not True:
        return None
    shown = entries(page)
    if not shown:
        return None  # as Stripe's library ends a list that says that it has more and shows nothing
    last = text_at(shown[-1], "id")
    if last is None:
        raise TransientError(f"the list at {path} has more objects, but does not say after which one")
    return first_page(path, {**query, "starting_after": last})
