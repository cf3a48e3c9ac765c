"""Which ids of a customer a part of an event's URL may stand for.

Users chose such ids, as "jo+smith@example.com" or "25% OFF", and how Stripe spells them in an event's URL is not
documented. https://www.rfc-editor.org/rfc/rfc3986#section-3.3
"""

import re
from urllib.parse import unquote, unquote_plus

_UNFIT = re.compile(r"[?#\\{}]")
"""Not quoted, these end a path, count as a slash to some clients, or mark a placeholder."""
_PLACEHOLDER = re.compile(r":[a-z_]+", re.ASCII)
_BROKEN_ESCAPE = re.compile(r"%(?![0-9A-Fa-f]{2})")
_NO_SEGMENTS = frozenset({"", ".", ".."})
"""What between two slashes leads to another path."""


def ids_spelled(text: str, *, in_query: bool = False) -> tuple[str, ...]:
    """The ids that the text may stand for; none where it is no spelling of an id.

    The first is the literal one: percent signs are decoded where they can be, and everything else is itself, as in the
    path of a URL. Then follow the text itself, a plus sign that is a space, and what was encoded twice. None of them
    is validated.
    """
    is_unfit = _UNFIT.search(text) or not text.isprintable() or is_placeholder(text) or (in_query and "&" in text)
    if is_unfit or any(unquote(segment) in _NO_SEGMENTS for segment in text.split("/")):
        return ()
    literal = _decoded(text)
    return tuple(dict.fromkeys((literal, text, unquote_plus(text), unquote(literal))))


def is_placeholder(text: str) -> bool:
    """Whether Stripe has left a name in a URL instead of the id, as ``:rate_card_id``."""
    return _PLACEHOLDER.fullmatch(text) is not None


def _decoded(text: str) -> str:
    """What the text stands for; the text itself where it was not encoded."""
    if _BROKEN_ESCAPE.search(text):
        return text
    try:
        return unquote(text, errors="strict")
    except UnicodeDecodeError:
        return text
