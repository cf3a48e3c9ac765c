"""Which object, or which customers, a person means by what they have typed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

from billing_mirror.core.catalog import CUSTOMER
from billing_mirror.core.json_body import text_at
from billing_mirror.reader import MirroredObject, Reader

from .. import mirror

MOST_CUSTOMERS = 5_000
"""Customers that a search for an e-mail address reads: the table has no index of addresses."""


@dataclass(frozen=True, slots=True)
class Found:
    """What was found. ``read`` is the number of customers that were compared with an e-mail address."""

    objects: Sequence[MirroredObject] = ()
    customer: str = ""
    """The id of a customer that is no object of the mirror: an account."""
    read: int = 0

    @property
    def is_cut(self) -> bool:
        """Whether older customers were not compared."""
        return self.read >= MOST_CUSTOMERS


def search(reader: Reader, text: str) -> Found:
    """The object with this id; else the customer of other objects; else the customers with this e-mail address."""
    if (found := mirror.get(reader, text)) is not None:
        return Found([found])
    if next(mirror.by_customer(reader, text), None) is not None:
        return Found(customer=text)
    return _by_email(reader, text) if "@" in text else Found()


def newest_customers(reader: Reader, number: int) -> list[MirroredObject]:
    """So many customers, newest first."""
    return list(islice(mirror.by_type(reader, CUSTOMER.name), number))


def _by_email(reader: Reader, address: str) -> Found:
    read = newest_customers(reader, MOST_CUSTOMERS)
    wanted = address.casefold()
    return Found([one for one in read if (text_at(one.body, "email") or "").casefold() == wanted], read=len(read))
