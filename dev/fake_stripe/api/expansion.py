"""Which fields does a request ask for, and how are the others hidden? (docs.stripe.com/api/expanding_objects)"""

from collections.abc import Collection, Iterable
from typing import Any

from dev.fake_stripe.types.object_types import Body

from .protocol import ApiError, Params

MAX_LEVELS = 4
"""Names in a path of `expand`, with the `data.` of a list: docs.stripe.com/expand#limitations"""


def is_within_reach(path: str) -> bool:
    """Whether a request for one object can name the path."""
    return path.count(".") < MAX_LEVELS


def expanded(params: Params, known: Iterable[str], *, in_list: bool) -> frozenset[str]:
    """The paths that `expand` names, without the `data.` of a list.

    Stripe accepts and ignores whatever lies below an object with names of its own (`currency_options.tiers`).
    """
    known = [f"data.{path}" if in_list else path for path in known]
    wanted = params.lists.get("expand", [])
    for path in wanted:
        if not is_within_reach(path):
            raise ApiError(400, f"You cannot expand more than {MAX_LEVELS} levels of a property.", param="expand")
        if not any(_names(path, one) or _is_below_any_name(path, one) for one in known):
            raise ApiError(400, f"This property cannot be expanded ({path}).", param="expand")
    return frozenset(path.removeprefix("data.") if in_list else path for path in wanted)


def _is_below_any_name(path: str, known: str) -> bool:
    above, star, _ = known.partition("*")
    return bool(star) and path.startswith(above)


def _names(path: str, known: str) -> bool:
    """Whether a path is a known one; `*` stands for any name."""
    one, other = path.split("."), known.split(".")
    return len(one) == len(other) and all("*" in pair or pair[0] == pair[1] for pair in zip(one, other, strict=True))


def hide(body: Body, path: str, wanted: Collection[str], *, to_ids: bool) -> Body:
    """The body without the field at a path, or with ids there, except where a wanted path leads to it or through it.

    The path may lead through lists; `*` stands for every name of an object.
    """
    hidden: Body = _hide(body, path.split("."), (), wanted, to_ids=to_ids)
    return hidden


def _hide(value: Any, steps: list[str], way: tuple[str, ...], wanted: Collection[str], *, to_ids: bool) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, list):
        return [_hide(each, steps, way, wanted, to_ids=to_ids) for each in value]
    if not isinstance(value, dict):
        return value
    shown = dict(value)
    for name in list(value) if steps[0] == "*" else [steps[0]]:
        here = (*way, name)
        if name not in value:
            continue
        if len(steps) > 1:
            shown[name] = _hide(value[name], steps[1:], here, wanted, to_ids=to_ids)
        elif not any(_leads_to(path, here) for path in wanted):
            if to_ids:
                shown[name] = _ids(value[name])
            else:
                del shown[name]
    return shown


def _leads_to(wanted: str, here: tuple[str, ...]) -> bool:
    """Whether a wanted path is this one, or begins with it: what lies in a field is shown with the field."""
    steps = wanted.split(".")
    return len(steps) >= len(here) and all(step in ("*", name) for step, name in zip(steps, here, strict=False))


def _ids(value: Any) -> Any:  # noqa: ANN401 - any JSON
    if isinstance(value, list):
        return [_ids(each) for each in value]
    return value["id"] if isinstance(value, dict) else value
