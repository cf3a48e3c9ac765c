"""The table returns what Stripe wrote, to the last digit and the last character.

With ROUNDTRIP_CASES=20000 it takes longer and finds more. A failure names ROUNDTRIP_SEED and ROUNDTRIP_CASE: set both
to see that one case again.
"""

from __future__ import annotations

import asyncio
import json
import os
import re
import secrets
from collections.abc import Iterable, Iterator
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from billing_mirror.adapters.aws import QUICK
from billing_mirror.adapters.table.attributes import body_in, from_attributes, to_attributes
from billing_mirror.adapters.table.dynamodb import DynamoMirror
from billing_mirror.core import json_body
from billing_mirror.core.json_body import JsonObject
from billing_mirror.core.object_ref import ObjectRef, Scope, ref_to
from billing_mirror.core.table import chunks, items
from billing_mirror.core.table.chunks import Limits
from billing_mirror.core.table.items import Item, Observation
from billing_mirror.reader import Reader
from tests.contract.tables import create_table
from tests.doubles.samples import noise

from . import texts, wire

if TYPE_CHECKING:
    from mypy_boto3_dynamodb import DynamoDBClient

    from dev.sandbox.ministack import MiniStack

CASES = int(os.environ.get("ROUNDTRIP_CASES", "2000"))
THROUGH_THE_TABLE = 300
TABLE_CASES = 1_000_000
"""Number of the first of those that go through the table."""
BLOCKS = 10
SEED = os.environ.get("ROUNDTRIP_SEED") or secrets.token_hex(4)
ONLY = os.environ.get("ROUNDTRIP_CASE")

TEST = Scope(livemode=False)
TYPE = "v2.billing.contract"


def cases(first: int, number: int) -> Iterator[tuple[int, str]]:
    """Numbers of cases and their texts: each depends on its own number alone."""
    chosen: Iterable[int] = range(first, first + number)
    if ONLY:
        chosen = [int(ONLY)] if (int(ONLY) >= TABLE_CASES) == (first >= TABLE_CASES) else []
    print(f"ROUNDTRIP_SEED={SEED}")  # pytest shows it with a failure
    for case in chosen:
        yield case, texts.body(f"{SEED}/{case}")


def ref(case: int) -> ObjectRef:
    return ref_to(TEST, TYPE, f"ct_{case}")


def item_of(case: int, text: str) -> Item:
    body = json_body.parse(text)
    observation = Observation(1_790_000_000.0, "2026-10-14.preview", "req_1", body, json_body.digest(body))
    return items.item(ref(case), observation, json_body.text_at(body, "customer"))


def require_same(case: int, text: str, found: object) -> None:
    """The body that was read back says exactly what the text says, judged without our own reading of it."""
    wanted = json.loads(text, parse_float=Decimal, parse_int=Decimal)
    where = difference(wanted, found)
    again = f"ROUNDTRIP_SEED={SEED} ROUNDTRIP_CASE={case}"
    assert where is None, f"{again}: {where}\n{text[:5000]}"


def difference(wanted: Any, found: Any, path: str = "$") -> str | None:  # noqa: ANN401 - any JSON
    """Where two values differ, and how."""
    if isinstance(wanted, Decimal):
        same = type(found) in (int, Decimal) and Decimal(found) == wanted
    elif isinstance(wanted, dict) and isinstance(found, dict) and wanted.keys() == found.keys():
        inner = (difference(value, found[name], f"{path}.{name!r}") for name, value in wanted.items())
        return next((one for one in inner if one), None)
    elif isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        inner = (difference(one, found[n], f"{path}[{n}]") for n, one in enumerate(wanted))
        return next((one for one in inner if one), None)
    else:
        same = type(wanted) is type(found) and not isinstance(wanted, dict | list) and wanted == found
    return None if same else f"{path}: {wanted!r:.300} has become {found!r:.300}"


@pytest.mark.parametrize("block", range(BLOCKS))
def test_a_body_comes_back_from_an_item_as_it_was_written(block: int) -> None:
    kept: set[str] = set()
    number = -(-CASES // BLOCKS)
    for case, text in cases(block * number, number):
        item = item_of(case, text)
        kept |= {"data", "data_z"} & item.keys()
        whole = {**item, "pk": ref(case).key, "sk": "object", "token": 2**53 + 1}
        returned = from_attributes(wire.through(to_attributes(whole)))
        found = body_in(returned)
        require_same(case, text, found)
        assert json_body.digest(found) == item["digest"], f"ROUNDTRIP_SEED={SEED} ROUNDTRIP_CASE={case}: the digest"
        assert returned["token"] == 2**53 + 1
    assert kept == {"data", "data_z"} or ONLY or number < 50


def invoice(megabytes: float) -> str:
    """The text of an invoice with thousands of lines that no compression makes smaller."""
    count = int(megabytes * 2000)
    lines = [
        {"id": f"il_{number}", "amount": number, "description": noise(500, number), "exact": "\ud800"}
        for number in range(count)
    ]
    return json.dumps(
        {"id": "ct_7", "object": TYPE, "created": 1, "lines": {"object": "list", "has_more": False, "data": lines}}
    )


def test_an_invoice_of_ten_megabytes_is_items_that_a_table_takes() -> None:
    text = invoice(9.5)
    own, pieces = chunks.split(2**53 + 1, item_of(7, text), Limits())
    assert len(pieces) > 25
    sent: list[Item] = [{**own, "pk": ref(7).key, "sk": "object"}]
    for sort_key, piece in pieces.items():
        sent.append({"pk": ref(7).key, "sk": sort_key, "chunk": piece})
    returned = [from_attributes(wire.through(to_attributes(one))) for one in sent]
    whole = chunks.join(returned[0], [found for one in returned[1:] if isinstance(found := one["chunk"], bytes)])
    assert whole is not None
    require_same(7, text, body_in(whole))


def test_the_texts_are_as_hard_as_they_should_be() -> None:
    made = [texts.body(f"hard/{case}") for case in range(3000)]
    for pattern in (
        r"[:,[]-0[,}\]]",
        r"[1-9]\d{129,}",
        r"\D[1-9]\d{37}\D",
        r"\D[1-9]\d{38}\D",
        r"\.\d{12}[,}\]]",
        r"\de400",
        r"1E\+5",
        r'"":',
        r'"\\ud800',
        r"[\U00100000-\U0010ffff]",
        r"[\U00030000-\U0003ffff]",
    ):
        assert any(re.search(pattern, text) for text in made), pattern
    assert max(json_body.depth(json_body.parse(text)) for text in made) >= 40
    assert max(len(text.encode("utf-8", "surrogatepass")) for text in made) >= 480_000


@pytest.fixture
def table(local_aws: MiniStack) -> tuple[DynamoDBClient, str]:
    client = boto3.client("dynamodb", endpoint_url=local_aws.endpoint, config=QUICK)
    return client, create_table(client)


def test_a_body_comes_back_from_the_table_as_it_was_written(table: tuple[DynamoDBClient, str]) -> None:
    chosen = list(cases(TABLE_CASES, THROUGH_THE_TABLE))
    asyncio.run(store(DynamoMirror(*table), chosen))
    reader = Reader(table[1], scope="test", client=table[0])
    for case, text in chosen:
        found = reader.get(f"ct_{case}")
        require_same(case, text, found.body if found else None)
    listed = all_of_the_type(reader)
    for case, text in chosen:
        require_same(case, text, listed.get(f"ct_{case}"))


def test_an_invoice_of_megabytes_comes_back_from_the_table(table: tuple[DynamoDBClient, str]) -> None:
    reader = Reader(table[1], scope="test", client=table[0])
    mirror = DynamoMirror(*table)
    for token, text in enumerate((invoice(5.0), invoice(0.8), invoice(2.0), texts.body("small"), invoice(1.0)), 1):
        assert asyncio.run(mirror.put(ref(7), token, item_of(7, text)))
        found = reader.get("ct_7")
        require_same(7, text, found.body if found else None)
        require_same(7, text, asyncio.run(mirror.body(ref(7))))
        require_same(7, text, all_of_the_type(reader).get("ct_7"))


def all_of_the_type(reader: Reader) -> dict[str, JsonObject]:
    return {one.id: one.body for one in reader.by_type(TYPE)}


async def store(mirror: DynamoMirror, chosen: list[tuple[int, str]]) -> None:
    await asyncio.gather(*(mirror.put(ref(case), 1, item_of(case, text)) for case, text in chosen))
