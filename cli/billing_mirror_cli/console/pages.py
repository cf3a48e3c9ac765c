"""What each page shows: it reads, and hands to its template."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from itertools import groupby, islice

from botocore.exceptions import ClientError
from flask import redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from billing_mirror.core.catalog import CUSTOMER, RECONCILED_TYPES, TYPES, USAGE
from billing_mirror.core.events.outcome import Outcome
from billing_mirror.core.json_body import text_at
from billing_mirror.core.runs.run import Resolution
from billing_mirror.reader import Drift, MirroredObject
from billing_mirror.views import CreditGrant, Invoice

from .. import mirror
from ..failures import Failure
from ..health.verdict import Facts
from ..quarantine import held, retention, send_back
from ..refs import known, ref_of
from ..stack.aws_failures import explain
from ..stack.session import Session
from ..verbs.customer import read as read_customer
from ..verbs.refresh import refreshed
from ..verbs.status import in_words, objects_compared
from . import links
from .charts import Drawing
from .history import History, Named
from .monitoring import WINDOWS, WindowChoice, draw_health, window_of
from .price_steps import draw_steps, price_of
from .search import newest_customers, search
from .verdict_badge import VerdictBadge

CUSTOMERS_SHOWN = 20
BELOW_SHOWN = 100
"""Objects below another one that its page names."""
LISTED = 200
"""Objects of a type that its page names."""
DRIFTS_SHOWN = 100
"""Differences of one type that a page shows."""
MESSAGES_READ = 1000
Page = str | Response


class NotMirrored(Exception):
    """The mirror has never seen the object with this id."""

    def __init__(self, object_id: str, scope: str) -> None:
        super().__init__(object_id)
        self.id = object_id
        self.failure = Failure(f"The mirror has never seen {object_id} ({scope})")


@dataclass(frozen=True, slots=True)
class TypeAge:
    """Since when a type was compared with Stripe, in seconds, and its share of what is allowed."""

    name: str
    category: str
    objects: int
    seconds: float | None
    interval: float
    state: str

    @property
    def share(self) -> float:
        return min(1.0, (self.seconds or 0) / self.interval)


class Pages:
    """The pages of one stack. Each method answers one address."""

    def __init__(self, session: Session, badge: VerdictBadge, *, history: History) -> None:
        self._session = session
        self._badge = badge
        self._history = history

    def home(self) -> Page:
        return render_template(
            "home.html",
            customers=newest_customers(self._session.reader, CUSTOMERS_SHOWN),
            judged_now=self._badge.read(),
        )

    def search(self) -> Page:
        text = request.args.get("q", "").strip()
        if not text:
            return redirect(url_for("home"), HTTPStatus.SEE_OTHER)
        found = search(self._session.reader, text)
        if found.customer or (len(found.objects) == 1 and found.objects[0].type == CUSTOMER.name):
            customer_id = found.customer or found.objects[0].id
            return redirect(url_for("billing", id=customer_id), HTTPStatus.SEE_OTHER)
        if len(found.objects) == 1:
            (one,) = found.objects
            return redirect(url_for("object", id=one.id, type=one.type), HTTPStatus.SEE_OTHER)
        if not found.objects and not found.read:
            raise NotMirrored(text, self._session.scope)
        return render_template("search.html", text=text, found=found)

    def customer(self) -> Page:
        customer_id = request.args.get("id", "")
        shown = read_customer(self._session, customer_id)
        objects = [
            *([Named(customer_id, CUSTOMER.name)] if shown.found else []),
            *(Named(one.id, one.type) for one in shown.subscriptions),
            *(Named(one.id, Invoice.OBJECT_TYPE.name) for one in shown.invoices),
        ]
        return render_template(
            "customer.html",
            shown=shown,
            email=text_at(shown.found.body, "email") or "" if shown.found else "",
            timeline=self._history.timeline(objects),
            outcome=_outcome(),
            draw_steps=draw_steps,
            usage_type=USAGE.name,
            grant_type=CreditGrant.OBJECT_TYPE.name,
        )

    def listing(self) -> Page:
        """The objects of a type: all, or those of one customer."""
        name, customer_id = request.args.get("type", ""), request.args.get("of", "")
        reader = self._session.reader
        every = mirror.by_customer(reader, customer_id, name) if customer_id else mirror.by_type(reader, name)
        found = list(islice(every, LISTED))
        return render_template(
            "listing.html", name=name, customer_id=customer_id, found=found, cut=len(found) == LISTED
        )

    def object(self) -> Page:
        object_id, type_name = request.args.get("id", ""), request.args.get("type") or None
        found = mirror.get(self._session.reader, object_id, type_name)
        if found is None:
            raise NotMirrored(object_id, self._session.scope)
        below = list(islice(mirror.children(self._session.reader, found.id), BELOW_SHOWN))
        return render_template(
            "object.html",
            found=found,
            status=mirror.status_of(found),
            price=price_of(self._session.reader, found),
            body=list(links.in_body(found.body, found.id)),
            below={name: list(ones) for name, ones in groupby(below, key=lambda one: one.type)},
            cut=len(below) == BELOW_SHOWN,
            in_flight=self._in_flight(found),
            timeline=self._history.timeline([Named(found.id, found.type)]),
            outcome=_outcome(),
        )

    def health(self) -> Page:
        judged = self._badge.read()
        default = "quarter" if self._session.sandbox else "day"
        chosen = request.args.get("window", "")
        choice = next((one for one in WINDOWS if one.name == chosen), next(o for o in WINDOWS if o.name == default))
        return render_template(
            "health.html",
            judged_now=judged,
            facts=in_words(judged.facts),
            drawings=self._charts(judged.facts, choice),
            windows=WINDOWS,
            chosen=choice,
            ages=list(_ages(judged.facts)),
        )

    def _charts(self, facts: Facts, choice: WindowChoice) -> Sequence[Drawing] | Failure:
        """The charts, or why there are none: the rest of the page needs no metrics."""
        try:
            return draw_health(self._session, facts, window_of(choice, self._session.now()))
        except ClientError as error:
            return explain(error)

    def drift(self) -> Page:
        facts, only = self._badge.read().facts, request.args.get("type", "")
        names = [name for name in facts.drifts if only in ("", name)]
        found = [one for name in names for one in islice(self._newest_drifts(name), DRIFTS_SHOWN)]
        newest = sorted(found, key=lambda one: one.noticed_at, reverse=True)
        return render_template(
            "drift.html", facts=facts, counted=facts.drifts, drifts=newest, resolutions=list(Resolution), only=only
        )

    def quarantine(self) -> Page:
        with held(self._session, MESSAGES_READ) as holding:
            groups = holding.groups()
        return render_template(
            "quarantine.html",
            groups=groups,
            total=len(holding.messages),
            deleted_in=retention(self._session),
            retried=request.args.get("retried", type=int),
        )

    def retry(self) -> Page:
        """Sends the messages of a group back to the queue."""
        with held(self._session, MESSAGES_READ) as holding:
            selected = holding.select([request.form.get("group", "")])
            for message in selected:
                send_back(self._session, message, holding)
        self._badge.forget()
        return redirect(url_for("quarantine", retried=len(selected)), HTTPStatus.SEE_OTHER)

    def refresh(self) -> Page:
        """Has an object fetched again; then shows it."""
        object_id, type_name = request.form.get("id", ""), request.form.get("type") or None
        for one in refreshed(self._session, [object_id], type_name):
            outcome = one.get("outcome")
            if not isinstance(outcome, str):
                raise Failure(f"{object_id} was not refreshed: {one.get('reason')}")
            view = "billing" if type_name == CUSTOMER.name else "object"
            return redirect(url_for(view, id=object_id, type=type_name, outcome=outcome), HTTPStatus.SEE_OTHER)
        raise Failure(f"Reconcile has not said what became of {object_id}", "billing-mirror tail shows its log")

    def _in_flight(self, found: MirroredObject) -> bool:
        if found.type not in TYPES:
            return False
        ref = ref_of(self._session, found)
        return known(self._session, [ref])[ref].in_flight(self._session.now())

    def _newest_drifts(self, name: str) -> Iterator[Drift]:
        return mirror.drifts(self._session.reader, name)


def _outcome() -> str:
    """The outcome of the refresh that led to a page; nothing else that an address may say is shown."""
    wanted = request.args.get("outcome", "")
    return wanted.replace("_", " ") if wanted in frozenset(Outcome) else ""


def _ages(facts: Facts) -> Iterator[TypeAge]:
    """Of each type, the age of its last complete comparison; those that were never compared first."""
    intervals, objects = facts.schedule.intervals(livemode=facts.livemode), objects_compared(facts)
    ages = []
    for one in RECONCILED_TYPES:
        if one.name in intervals:
            at, run = facts.compared_at.get(one.name), facts.newest.get(one.name)
            seconds, state = None if at is None else facts.now - at, run.status if run else "never run"
            interval, number = intervals[one.name], objects.get(one.name, 0)
            ages.append(TypeAge(one.name, one.category, number, seconds, interval, state))
    yield from sorted(ages, key=lambda one: (one.seconds is not None, -one.share, one.name))
