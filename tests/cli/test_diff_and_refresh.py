"""``diff`` shows the mirror beside Stripe; ``refresh`` has objects fetched again."""

import time
from collections.abc import Iterator
from decimal import Decimal

import pytest

from billing_mirror.core.json_body import Json, JsonObject
from billing_mirror_cli.comparison import FieldDifference, compare
from billing_mirror_cli.failures import ExitCode
from dev.fake_stripe.account.backend import Backend
from dev.fake_stripe.api.server import running
from dev.fake_stripe.client import StandIn
from tests.cli.conftest import Cloud, Command, values
from tests.doubles.samples import rate, subscription

KEY = "rk_test_standin1"


@pytest.fixture
def stripe(cloud: Cloud) -> Iterator[StandIn]:
    """Stripe, to which the stack's key belongs."""
    with running(Backend([KEY])) as listening:
        cloud.pin()
        cloud.secrets.put_secret_value(SecretId=cloud.key_arn, SecretString=KEY)
        cloud.deploy(stripe=listening.api_base)
        yield StandIn(listening.api_base)


def mirrored(cloud: Cloud, stripe: StandIn, **fields: Json) -> JsonObject:
    """A product at Stripe that the mirror holds as it is."""
    body: JsonObject = stripe.create("product", {"name": "Seats", **fields})
    cloud.put(body)
    return body


def test_an_equal_object(cloud: Cloud, stripe: StandIn, command: Command) -> None:
    product = mirrored(cloud, stripe)
    result = command("diff", str(product["id"]))
    assert (result.exit_code, result.stdout.splitlines()[0]) == (ExitCode.OK, f"{product['id']}  equals Stripe")


def test_each_field_that_differs(cloud: Cloud, stripe: StandIn, command: Command) -> None:
    product = mirrored(cloud, stripe)
    stripe.update(str(product["id"]), {"name": "Desks", "metadata": {"size": "xl"}})
    result = command("diff", str(product["id"]), "--json")
    assert result.exit_code == ExitCode.DRIFT
    (shown,) = values(result)
    assert isinstance(shown["differences"], list)
    found = {one["path"]: (one["mirror"], one["stripe"]) for one in shown["differences"] if isinstance(one, dict)}
    assert found["name"] == ("Seats", "Desks")
    assert found["metadata.size"] == (None, "xl")
    text = command("diff", str(product["id"])).stdout
    assert f"billing-mirror refresh --stack {cloud.name} {product['id']}" in text
    assert "Seats" in text
    assert "Desks" in text


def test_an_object_that_stripe_removed(cloud: Cloud, stripe: StandIn, command: Command) -> None:
    product = mirrored(cloud, stripe)
    stripe.remove(str(product["id"]))
    result = command("diff", str(product["id"]))
    assert result.exit_code == ExitCode.DRIFT
    assert "Stripe has no such object" in result.stdout
    cloud.put_tombstone(product)
    assert command("diff", str(product["id"])).exit_code == ExitCode.OK


def test_a_refresh_on_its_way_is_said(cloud: Cloud, stripe: StandIn, command: Command) -> None:
    product = mirrored(cloud, stripe)
    stripe.update(str(product["id"]), {"name": "Desks"})
    for _ in range(2):
        cloud.claim(product, time.time())
    assert "A refresh is on its way." in command("diff", str(product["id"])).stdout


def test_a_list_that_stripe_cuts_short_is_compared_whole(cloud: Cloud, stripe: StandIn, command: Command) -> None:
    lines: list[JsonObject] = [{"amount": number, "description": f"Line {number}"} for number in range(30)]
    customer = stripe.create("customer", {"name": "Ivo"})["id"]
    invoice: JsonObject = stripe.create("invoice", {"customer": customer, "lines": lines})
    cloud.put(invoice)
    (shown,) = values(command("diff", str(invoice["id"]), "--json"))
    paths = {str(one["path"]) for one in shown["differences"] if isinstance(one, dict)}  # type: ignore[union-attr]
    assert "lines.data[29]" in paths


def test_the_key_is_taken_from_the_environment_where_the_stack_has_none(
    cloud: Cloud, stripe: StandIn, command: Command
) -> None:
    product = mirrored(cloud, stripe)
    cloud.secrets.put_secret_value(SecretId=cloud.key_arn, SecretString="unset")
    without = command("diff", str(product["id"]))
    assert (without.exit_code, "STRIPE_API_KEY" in without.stderr) == (ExitCode.FAILED, True)
    given = command("diff", str(product["id"]), STRIPE_API_KEY=KEY)
    assert given.exit_code == ExitCode.OK
    assert KEY not in given.output


def test_a_key_of_the_other_mode_is_refused(cloud: Cloud, stripe: StandIn, command: Command) -> None:
    product = mirrored(cloud, stripe)
    cloud.secrets.put_secret_value(SecretId=cloud.key_arn, SecretString="rk_live_other1")
    result = command("diff", str(product["id"]))
    assert result.exit_code == ExitCode.USAGE
    assert "rk_live" not in result.output


def test_a_key_that_stripe_refuses_is_a_sentence(cloud: Cloud, stripe: StandIn, command: Command) -> None:
    product = mirrored(cloud, stripe)
    cloud.secrets.put_secret_value(SecretId=cloud.key_arn, SecretString="rk_test_revoked1")
    result = command("diff", str(product["id"]))
    assert result.exit_code == ExitCode.FAILED
    assert result.stderr.startswith("Stripe answered 401")
    assert "rk_test_revoked1" not in result.output


@pytest.mark.parametrize(
    ("one", "other", "differences"),
    [
        ({"a": None}, {}, []),
        ({"a": Decimal("1.0")}, {"a": 1}, []),
        ({"a": {"b": [1, {"c": 2}]}}, {"a": {"b": [1, {"c": 3}]}}, [("a.b[1].c", 2, 3)]),
        ({"a": [1]}, {"a": [1, 2]}, [("a[1]", None, 2)]),
        ({"a": {}}, {"a": "x"}, [("a", {}, "x")]),
        ({"a": [None]}, {"a": []}, [("a", [None], [])]),
    ],
)
def test_the_smallest_parts_that_differ(one: Json, other: Json, differences: list[tuple[str, Json, Json]]) -> None:
    assert list(compare(one, other)) == [FieldDifference(*difference) for difference in differences]


def refreshing(request: JsonObject) -> JsonObject:
    """Reconcile that stores each object but those whose id ends with a nine."""
    ids = request["ids"]
    assert isinstance(ids, list)
    refs = [one["id"] for one in ids if isinstance(one, dict)]
    objects: list[Json] = [
        {"id": one, "type": "x", "outcome": None if str(one).endswith("9") else "stored", "reason": "not there"}
        for one in refs
    ]
    return {"result": "complete", "objects": objects}


def test_a_refresh_is_requested_from_reconcile(cloud: Cloud, command: Command) -> None:
    cloud.pin()
    cloud.put(subscription("rcds_1"))
    cloud.put(rate("rcdr_1"))
    cloud.function.answer = refreshing
    result = command("refresh", "rcds_1", "rcdr_1")
    assert (result.exit_code, result.stdout.splitlines()) == (ExitCode.OK, ["rcds_1  stored", "rcdr_1  stored"])
    (request,) = cloud.function.requests
    assert request == {
        "job": "refresh",
        "ids": [
            {"id": "rcds_1", "type": "v2.billing.rate_card_subscription"},
            {"id": "rcdr_1", "type": "v2.billing.rate_card_rate", "parent": "rcd_1"},
        ],
    }


def test_an_object_of_a_connected_account_is_refreshed_there(cloud: Cloud, command: Command) -> None:
    cloud.pin()
    cloud.function.answer = refreshing
    assert command("refresh", "in_1", "--scope", "test/acct_2").exit_code == ExitCode.OK
    assert cloud.function.requests == [{"job": "refresh", "ids": [{"id": "in_1"}], "context": "acct_2"}]


def test_what_could_not_be_refreshed_has_its_reason(cloud: Cloud, command: Command) -> None:
    cloud.pin()
    cloud.function.answer = refreshing
    result = command("refresh", "prod_1", "prod_9", "--json")
    assert result.exit_code == ExitCode.FAILED
    assert [(one["id"], one["outcome"]) for one in values(result)] == [("prod_1", "stored"), ("prod_9", None)]
    assert "prod_9  not there" in command("refresh", "prod_9").stdout


def test_more_objects_than_one_request_may_have(cloud: Cloud, command: Command) -> None:
    cloud.pin()
    cloud.function.answer = refreshing
    command("refresh", *(f"prod_{number}" for number in range(130)))
    sizes = [len(one["ids"]) for one in cloud.function.requests if isinstance(one["ids"], list)]
    assert sizes == [100, 30]


def test_a_parent_that_the_body_does_not_name_is_known_to_the_mirror(cloud: Cloud, command: Command) -> None:
    cloud.pin()
    nameless = {name: value for name, value in rate("rcdr_1").items() if name != "rate_card"}
    cloud.put(nameless, parent="rcd_7")
    command("refresh", "rcdr_1")
    assert cloud.function.requests[0]["ids"] == [
        {"id": "rcdr_1", "type": "v2.billing.rate_card_rate", "parent": "rcd_7"}
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["gold"], "does not tell its type"),
        (["bli_1"], "does not tell its type"),
        (["x", "--type", "coupons"], "did you mean 'coupon'?\n"),
        (["a b", "--type", "invoice"], "no Stripe id has"),
        (["in_1", "--scope", "test/cus_1"], "followed by '/acct_...'"),
    ],
)
def test_an_object_that_cannot_be_named_is_a_usage_failure(
    cloud: Cloud, command: Command, arguments: list[str], said: str
) -> None:
    cloud.pin()
    result = command("refresh", *arguments)
    assert result.exit_code == ExitCode.USAGE
    assert said in result.stderr
    assert cloud.function.requests == []


def test_a_type_outside_the_catalog_cannot_be_refreshed(cloud: Cloud, command: Command) -> None:
    cloud.pin()
    cloud.put({"id": "thing_1", "object": "thing", "created": 1})
    result = command("refresh", "thing_1", "--type", "thing")
    assert result.exit_code == ExitCode.FAILED
    assert "mirrored by its events only" in result.stderr
