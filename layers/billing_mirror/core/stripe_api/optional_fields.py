"""Fields that Stripe shows on request: which a request names, which of them an error refuses, and the request without.

v1 takes ``expand[0]=tiers``, and ``expand[0]=data.tiers`` for a list: https://docs.stripe.com/api/expanding_objects;
v2 takes ``include[0]=settings_data``: https://docs.stripe.com/api-v2-overview#include-response-values
"""

import re
from collections.abc import Collection
from urllib.parse import parse_qsl, urlencode

_PARAMETER = re.compile(r"(?:expand|include)(?:\[(\d*)\]|\.(\d+))?")
_PATH = re.compile(r"[A-Za-z_]\w*(?:\.\w+)*")
_IN_PARENTHESES = re.compile(r"\((\w+(?:\.\w+)*)\)")
_ABOUT_FIELDS = re.compile(r"\b(?:expand|expanded|expanding|expansion|include)\b")
_OF_A_LIST = "data."


def requested(path: str, include: Collection[str]) -> tuple[str, ...]:
    """The fields that a request names, as it names them: in ``include`` and in the query of its path."""
    return (*include, *(value for name, value in _query(path) if _PARAMETER.fullmatch(name)))


def refused(names: Collection[str], param: str, text: str) -> frozenset[str]:
    """Of the fields that a request names, those that an error refuses; none where it is about something else.

    ``param`` and ``text`` are the error's own. An error about such fields that says no name of the request refuses all
    of them. Only names of the request are returned, never a part of the text.
    """
    parameter = _PARAMETER.fullmatch(param)
    words = {_plain(word) for word in _PATH.findall(text)}
    named = {name for name in names if _plain(name) in words}
    if parameter is None and (param or not (named or _ABOUT_FIELDS.search(text))):
        return frozenset()
    number = (parameter[1] or parameter[2]) if parameter else None
    if number and int(number) < len(names):
        return frozenset({[*names][int(number)]})
    steps = set(_IN_PARENTHESES.findall(text))
    return frozenset(named or {name for name in names if steps.intersection(name.split("."))} or names)


def without(path: str, fields: Collection[str]) -> str:
    """The path, whose query no longer names the fields."""
    if not requested(path, ()):
        return path
    kept = [(name, value) for name, value in _query(path) if not (_PARAMETER.fullmatch(name) and value in fields)]
    return f"{path.partition('?')[0]}?{urlencode(kept)}" if kept else path.partition("?")[0]


def plain(names: Collection[str]) -> tuple[str, ...]:
    """The fields as an object has them, whether a list was requested or the object."""
    return tuple(sorted({_plain(name) for name in names}))


def _plain(name: str) -> str:
    return name.removeprefix(_OF_A_LIST)


def _query(path: str) -> list[tuple[str, str]]:
    return parse_qsl(path.partition("?")[2], keep_blank_values=True)
