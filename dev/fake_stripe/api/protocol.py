"""What form do Stripe's requests, answers and errors have?

Sources: docs.stripe.com/api-v2-overview, docs.stripe.com/error-handling, docs.stripe.com/context.
"""

import json
import operator
import re
import secrets
import string
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import TypeVar
from urllib.parse import parse_qsl, urlsplit

from dev.fake_stripe.types.object_types import Body

LETTERS = string.ascii_letters + string.digits


def random_text(length: int) -> str:
    return "".join(secrets.choice(LETTERS) for _ in range(length))


def now() -> datetime:
    """The present time in whole milliseconds, as Stripe writes times."""
    instant = datetime.now(UTC)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def rfc3339(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def instant_of(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


@dataclass(frozen=True)
class Answer:
    status: int
    body: Body
    headers: Mapping[str, str] = field(default_factory=dict)


class ApiError(Exception):
    """An error answer; the body has the shape of v1 or of v2."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        code: str = "",
        kind: str = "",
        param: str = "",
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(message)
        self.status = status
        self.message = message
        self.code = code
        self.kind = kind
        self.param = param
        self.headers = headers or {}

    def answer(self, *, v1: bool) -> Answer:
        return Answer(self.status, {"error": self._v1() if v1 else self._v2()}, self.headers)

    def _v1(self) -> Body:
        kind = self.kind if self.kind.endswith("_error") else ""
        error = {"type": kind or ("api_error" if self.status >= 500 else "invalid_request_error")}
        error |= {"code": self.code} if self.code else {}
        error |= {"message": self.message}
        return error | ({"param": self.param} if self.param else {})

    def _v2(self) -> Body:
        """Only a few kinds of error have a `type`, such as rate_limit."""
        error = {"code": self.code or "invalid_request", "message": self.message}
        return error | ({"type": self.kind} if self.kind else {})


def not_found(code: str, wanted: str, identifier: str) -> ApiError:
    return ApiError(404, f"No such {wanted}: '{identifier}'", code=code, param="id")


@dataclass(frozen=True)
class Params:
    """A query: plain values, arrays (`types[0]=a`) and objects (`created[gte]=…`)."""

    texts: Mapping[str, str]
    lists: Mapping[str, list[str]]
    objects: Mapping[str, Mapping[str, str]]

    @property
    def names(self) -> set[str]:
        return {*self.texts, *self.lists, *self.objects}


PARAMETER = re.compile(r"([^\[\]]+)(?:\[([^\[\]]*)\])?")


def parse_query(query: str, *, v1: bool) -> Params:
    texts: dict[str, str] = {}
    lists: dict[str, list[str]] = {}
    objects: dict[str, dict[str, str]] = {}
    for parameter, value in parse_qsl(query, keep_blank_values=True):
        match = PARAMETER.fullmatch(parameter)
        if match is None or (match[2] == "" and not v1):
            raise ApiError(400, f"Arrays in v2 need an index: {parameter}", code="invalid_parameter")
        name, key = match[1], match[2]
        if key is None:
            texts[name] = value
        elif key == "" or key.isdigit():
            lists.setdefault(name, []).append(value)
        else:
            objects.setdefault(name, {})[key] = value
    return Params(texts, lists, objects)


T = TypeVar("T", int, datetime)
COMPARISONS = {"gt": operator.gt, "gte": operator.ge, "lt": operator.lt, "lte": operator.le}
Bounds = list[tuple[Callable[[T, T], bool], T]]


def created_bounds(params: Params, parse: Callable[[str], T]) -> Bounds[T]:
    """The comparisons of `created[gte]`, `created[lt]` and so on."""
    try:
        return [(COMPARISONS[name], parse(text)) for name, text in params.objects.get("created", {}).items()]
    except (KeyError, ValueError) as error:
        raise ApiError(400, f"created: {error}", code="invalid_parameter", param="created") from None


def within(created: T, bounds: Bounds[T]) -> bool:
    return all(holds(created, bound) for holds, bound in bounds)


@dataclass(frozen=True)
class Request:
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: bytes = b""

    @classmethod
    def of(cls, method: str, target: str, headers: Mapping[str, str], body: bytes = b"") -> "Request":
        url = urlsplit(target)
        return cls(method, url.path, url.query, {name.lower(): value for name, value in headers.items()}, body)

    @property
    def is_v1(self) -> bool:
        return not self.path.startswith("/v2/")

    @property
    def params(self) -> Params:
        return parse_query(self.query, v1=self.is_v1)

    @property
    def json(self) -> Body:
        """The parameters of a POST, which v2 takes as JSON: https://docs.stripe.com/api-v2-overview"""
        try:
            given = json.loads(self.body or b"{}")
        except ValueError:
            given = None
        if not isinstance(given, dict) or "json" not in self.headers.get("content-type", "json"):
            raise ApiError(400, "The body is not a JSON object.", code="invalid_parameter")
        return given

    def first_page(self) -> "Request":
        """The same request for the first page of its list."""
        query = [one for one in self.query.split("&") if not one.startswith(("page=", "starting_after="))]
        return replace(self, query="&".join(query))

    @property
    def api_key(self) -> str:
        scheme, _, key = self.headers.get("authorization", "").partition(" ")
        return key if scheme == "Bearer" else ""

    @property
    def context(self) -> str:
        """The account that the request names; empty for the key's own."""
        return self.headers.get("stripe-context") or self.headers.get("stripe-account") or ""


def check_version(request: Request) -> None:
    """v2 needs a version with every call, and v2.billing a preview one.

    The body with which Stripe refuses a released version there is not published: a 400 is a guess.
    """
    if request.is_v1:
        return
    version = request.headers.get("stripe-version", "")
    if not re.fullmatch(r"\d{4}-\d{2}-\d{2}\.[a-z]+", version):
        raise ApiError(400, "Stripe-Version is missing or malformed.", code="invalid_stripe_version")
    if request.path.startswith("/v2/billing/") and not version.endswith(".preview"):
        message = f"{request.path} is in preview and does not exist in version {version}."
        raise ApiError(400, message, code="preview_version_required")
