"""Which parts of a text become links to objects."""

from collections.abc import Iterable

import pytest

from billing_mirror.core.json_body import JsonObject
from billing_mirror_cli.console.links import Piece, in_body, in_text


def linked(pieces: Iterable[Piece]) -> list[tuple[str, str]]:
    return [(piece.id, piece.type) for piece in pieces if piece.id]


def whole(pieces: Iterable[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


@pytest.mark.parametrize(
    ("text", "ids"),
    [
        ("Stripe answered 404 at /v1/invoices/in_1MtHbELkd (request req_1a): none", ["in_1MtHbELkd"]),
        ("cus_Ab12 and sub_X9", ["cus_Ab12", "sub_X9"]),
        ("rcds_test_61RpA8zvV4", ["rcds_test_61RpA8zvV4"]),
        ("in_progress, past_due, sub_total", []),
        ("no id at all", []),
        ("", []),
    ],
)
def test_ids_in_a_sentence_are_links_and_words_are_not(text: str, ids: list[str]) -> None:
    pieces = list(in_text(text))
    assert [one for one, _ in linked(pieces)] == ids
    assert whole(pieces) == text


BODY: JsonObject = {
    "id": "sub_1A",
    "customer": "cus_1A",
    "status": "in_progress",
    "coupon": "launch",
    "items": ["price_1A", "sub_1A"],
    "cus_9Z": "a name of a member is no reference",
    "description": 'says "cus_2B"',
}


def test_references_in_a_body_are_links_also_where_people_chose_the_id() -> None:
    pieces = list(in_body(BODY, "sub_1A"))
    assert linked(pieces) == [("cus_1A", "customer"), ("launch", "coupon"), ("price_1A", "")]
    assert '"coupon": "launch"' in whole(pieces)
