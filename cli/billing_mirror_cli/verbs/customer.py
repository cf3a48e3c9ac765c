"""``billing-mirror customer``: what a customer pays, owes, has used and has left."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import typer

from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror.reader import MirroredObject
from billing_mirror.views import Customer, money

from .. import mirror
from ..customer.account import Money, OpenInvoice, Units, UsedMeter, credit_left, open_invoices, used_meters
from ..customer.subscriptions import Held, PricedLine, subscriptions_of
from ..failures import Failure
from ..stack.session import Session
from ..words import count, since


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """All that is shown. ``found`` is None for an account that is a customer: it is no object of the mirror."""

    id: str
    found: MirroredObject | None
    scope: str
    subscriptions: list[Held]
    invoices: list[OpenInvoice]
    usage: list[UsedMeter]
    credit: list[Money | Units]

    @property
    def name(self) -> str:
        return (Customer.of(self.found).name if self.found else None) or ""

    @property
    def balance(self) -> Money | None:
        """What the next invoice takes into account; negative is in the customer's favour."""
        view = Customer.of(self.found) if self.found else None
        if view is None or not view.balance or not view.currency:
            return None
        return Money(view.balance, view.currency)

    def to_json(self) -> JsonObject:
        subscriptions: list[Json] = [one.to_json() for one in self.subscriptions]
        invoices: list[Json] = [one.to_json() for one in self.invoices]
        usage: list[Json] = [one.to_json() for one in self.usage]
        credit: list[Json] = [one.to_json() for one in self.credit]
        return {
            "id": self.id,
            "name": self.name,
            "scope": self.scope,
            "deleted": self.found.deleted if self.found else False,
            "fetched_at": self.found.fetched_at if self.found else None,
            "balance": self.balance.to_json() if self.balance else None,
            "subscriptions": subscriptions,
            "open_invoices": invoices,
            "usage": usage,
            "credit_left": credit,
        }


def customer(
    session: Session,
    customer_id: Annotated[str, typer.Argument(metavar="CUS", help="The customer's id.")],
) -> None:
    """Show what a customer pays, owes, has used and has left, as the mirror holds it.

    Prices are before discounts and taxes.
    """
    shown = read(session, customer_id)
    session.output.value(shown.to_json())
    _show(session, shown)


def read(session: Session, customer_id: str) -> Shown:
    """What the mirror holds of a customer. Raises :class:`Failure` for a customer that it has never seen."""
    reader, now = session.reader, datetime.fromtimestamp(session.now(), UTC)
    found = mirror.get(reader, customer_id, Customer.OBJECT_TYPE.name)
    if found is None and next(mirror.by_customer(reader, customer_id), None) is None:
        raise Failure(
            f"The mirror has never seen the customer {customer_id} ({session.scope})",
            f"If Stripe has it: billing-mirror refresh {customer_id} --type {Customer.OBJECT_TYPE.name}",
        )
    subscriptions = list(subscriptions_of(reader, customer_id))
    return Shown(
        id=customer_id,
        found=found,
        scope=session.scope,
        subscriptions=subscriptions,
        invoices=open_invoices(reader, customer_id, now),
        usage=used_meters(reader, customer_id, subscriptions),
        credit=credit_left(reader, customer_id, now),
    )


def _show(session: Session, shown: Shown) -> None:
    output = session.output
    deleted = "  deleted at Stripe" if shown.found and shown.found.deleted else ""
    output.line("  ".join(filter(None, [shown.name, shown.id, shown.scope])) + deleted, "bold")
    if shown.found:
        output.line(f"as of {since(shown.found.fetched_at, session.now())}", "dim")
    output.line()
    output.line("Subscriptions", "bold")
    for held in shown.subscriptions:
        for text in _subscription(held):
            output.line(f"  {text}")
        if held.lines:
            output.lines([_priced(line) for line in held.lines], indent="      ")
    if not shown.subscriptions:
        output.line("  none")
    output.line("Open invoices", "bold")
    if shown.invoices:
        output.lines([_invoice(one) for one in shown.invoices], indent="  ")
    else:
        output.line("  none")
    _show_account(session, shown)


def _show_account(session: Session, shown: Shown) -> None:
    output = session.output
    if shown.usage:
        output.line("Usage this period", "bold")
        output.lines([_usage(one) for one in shown.usage], indent="  ")
    if shown.credit or shown.balance:
        output.line("Credit", "bold")
    if shown.credit:
        output.line(f"  left of credit grants  {', '.join(one.words for one in shown.credit)}")
    if shown.balance:
        side = "credit for" if shown.balance.amount < 0 else "added to"
        output.line(f"  {Money(abs(shown.balance.amount), shown.balance.currency).words}, {side} the next invoice")


def _subscription(held: Held) -> list[str]:
    discounts = f"discounts: {held.discounts}" if held.discounts else ""
    status = f"{held.status} since {_moment(held.since)}" if held.since else held.status
    started = f"started {_moment(held.started)}" if held.started and not held.since else ""
    billed = f"next invoice {_moment(held.next_billing)}" if held.next_billing else ""
    ends = f"ends {_moment(held.ends)}" if held.ends else ""
    times_line = ", ".join(filter(None, [status, started, billed, ends]))
    head = "  ".join(filter(None, [held.id, held.name, discounts]))
    return [head, f"    {times_line}", *([f"    cadence {held.cadence}"] if held.cadence else [])]


def _priced(line: PricedLine) -> tuple[str, str]:
    return line.name, line.words if line.quantity is None else f"{line.quantity:,} x {line.words}"


def _invoice(one: OpenInvoice) -> tuple[str, str, str]:
    if one.due is None:
        return one.id, one.remaining.words, "without a due date"
    late = f", {count(one.days_late or 0, 'day')} late" if one.days_late else ""
    return one.id, one.remaining.words, f"due {_moment(one.due)}{late}"


def _usage(one: UsedMeter) -> tuple[str, str, str]:
    return one.name, money.quantity(one.quantity), f"{_moment(one.since)} to {_moment(one.until)}"


def _moment(moment: datetime | None) -> str:
    """``2026-11-28 14:00 UTC``."""
    return f"{moment:%Y-%m-%d %H:%M} UTC" if moment else ""
