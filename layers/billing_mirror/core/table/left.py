"""Which objects have left a type or a customer, so that no index shows them any more: for questions about the past.

The mirror notes it before the write with which they leave. A note has the object's key only, and stays with its item.
"""

from collections.abc import Iterator


def left_type(name: str) -> str:
    """The partition, within a scope, of the objects of a type that were removed."""
    return f"left:type:{name}"


def left_customer(customer: str) -> str:
    """The partition, within a scope, of the objects that a customer no longer has."""
    return f"left:customer:{customer}"


def partitions_left(type_name: str | None, customer: str | None) -> Iterator[str]:
    """The partitions, within a scope, that note an object that was removed, or has left a customer."""
    if type_name:
        yield left_type(type_name)
    if customer:
        yield left_customer(customer)
