"""The example of a success page shows the subscription once it is mirrored, and a sentence until then."""

import importlib.util
from datetime import UTC, datetime, timedelta

import boto3
import pytest

from billing_mirror.adapters.table.attributes import to_attributes
from billing_mirror.reader import Reader
from tests.contract.tables import create_table
from tests.doubles.changes import BEGINNING, live
from tests.doubles.samples import sample
from tests.emulated_aws import emulated_aws
from tests.template_file import ROOT


class Clock:
    """Time passes as the page waits."""

    def __init__(self) -> None:
        self._now = BEGINNING + 120

    def now(self) -> float:
        return self._now

    def sleep(self, seconds: float) -> None:
        self._now += seconds


@pytest.mark.parametrize(("after", "shown"), [(20, "is active"), (90, "is being set up")])
def test_the_page_waits_for_the_mirror(after: int, shown: str) -> None:
    """The object was fetched a minute after the beginning: after the payment, or before it."""
    spec = importlib.util.spec_from_file_location("success_page", ROOT / "examples" / "success_page.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    with emulated_aws():
        client = boto3.client("dynamodb")
        table = create_table(client)
        item = live(sample("subscription", id="sub_1", status="active", livemode=False), 1)
        client.put_item(TableName=table, Item=to_attributes({**item, "pk": "test#sub_1", "sk": "object"}))
        reader = Reader(table, scope="test", client=client, clock=Clock())
        paid_at = datetime.fromtimestamp(BEGINNING, UTC) + timedelta(seconds=after)
        assert shown in module.success_page(reader, "sub_1", paid_at)
