"""The console's pages on a stack in the emulator: what they show, to whom, and what they refuse."""

from collections.abc import Mapping

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from billing_mirror_cli.console.app import create_app
from billing_mirror_cli.console.guard import HEADERS, Guard
from billing_mirror_cli.stack.session import Session
from tests.cli.conftest import Cloud
from tests.doubles.samples import sample, subscription

from .conftest import CUSTOMER, LATE, PAST_DUE, RATE, SUBSCRIPTION, KnownHistory, fill

PORT = 8642
HERE = f"http://127.0.0.1:{PORT}"
NASTY = "<script>alert('x')</script>"


class Browser:
    """A browser that was given the console's address, unless it is a stranger."""

    def __init__(self, client: FlaskClient, guard: Guard) -> None:
        self.client, self.guard = client, guard
        self.client.set_cookie(guard.cookie, guard.key, domain="127.0.0.1")

    def get(self, path: str, base: str = HERE) -> TestResponse:
        return self.client.get(path, base_url=base)

    def post(self, path: str, fields: Mapping[str, str], origin: str = HERE) -> TestResponse:
        form = {"token": self.guard.token, **fields}
        return self.client.post(path, base_url=HERE, data=form, headers={"Origin": origin} if origin else {})


@pytest.fixture
def history() -> KnownHistory:
    return KnownHistory([PAST_DUE])


@pytest.fixture
def browser(session: Session, history: KnownHistory) -> Browser:
    guard = Guard(PORT)
    return Browser(create_app(session, guard, history=history).test_client(), guard)


@pytest.mark.parametrize(
    "path", ["/", "/health", "/drift", "/quarantine", "/customer?id=cus_1", "/object?id=cus_1", "/list?type=customer"]
)
def test_every_page_answers_with_the_headers_that_forbid_scripts(cloud: Cloud, browser: Browser, path: str) -> None:
    cloud.put(sample("customer", id="cus_1", name=NASTY), customer="cus_1")
    answer = browser.get(path)
    assert answer.status_code == 200
    assert {name: answer.headers[name] for name in HEADERS} == HEADERS
    assert "<script" not in answer.text


def test_names_are_escaped(cloud: Cloud, browser: Browser) -> None:
    cloud.put(sample("customer", id="cus_1", name=NASTY), customer="cus_1")
    assert "&lt;script&gt;" in browser.get("/customer?id=cus_1").text
    assert "&lt;script&gt;" in browser.get(f"/object?id={NASTY}").text


@pytest.mark.parametrize("host", ["evil.example:8642", "127.0.0.1:1", "127.0.0.1"])
def test_another_host_is_refused(browser: Browser, host: str) -> None:
    assert browser.get("/", base=f"http://{host}").status_code == 421


def test_a_browser_without_the_key_sees_nothing(browser: Browser) -> None:
    browser.client.delete_cookie(browser.guard.cookie, domain="127.0.0.1")
    assert browser.get("/").status_code == 403
    assert browser.get("/?key=guessed").status_code == 403
    opened = browser.get(f"/?key={browser.guard.key}")
    assert (opened.status_code, opened.headers["Location"]) == (303, "/")
    assert browser.get("/").status_code == 200


@pytest.mark.parametrize(
    ("fields", "origin"),
    [({"token": "guessed"}, HERE), ({}, "http://evil.example"), ({}, ""), ({}, "null"), ({}, "http://127.0.0.1:1")],
)
def test_a_form_from_elsewhere_changes_nothing(
    cloud: Cloud, browser: Browser, fields: Mapping[str, str], origin: str
) -> None:
    cloud.sqs.send_message(QueueUrl=cloud.quarantine_url, MessageBody="{}")
    assert browser.post("/quarantine/retry", {"group": "any", **fields}, origin).status_code == 403
    assert browser.post("/refresh", {"id": "cus_1", **fields}, origin).status_code == 403
    assert (cloud.queued(), cloud.function.requests) == ([], [])


def test_retry_sends_a_group_back_to_the_queue(cloud: Cloud, browser: Browser) -> None:
    cloud.sqs.send_message(QueueUrl=cloud.quarantine_url, MessageBody='{"id": "evt_1"}')
    page = browser.get("/quarantine").text
    group = page.partition('name="group" value="')[2].partition('"')[0]
    answer = browser.post("/quarantine/retry", {"group": group})
    assert (answer.status_code, answer.headers["Location"]) == (303, "/quarantine?retried=1")
    assert cloud.queued() == [{"id": "evt_1"}]
    assert "The quarantine is empty." in browser.get("/quarantine?retried=1").text


def test_refresh_shows_the_outcome(cloud: Cloud, browser: Browser) -> None:
    cloud.put(sample("product", id="prod_1"))
    cloud.function.answer = lambda _: {"objects": [{"id": "prod_1", "outcome": "stored"}]}
    answer = browser.post("/refresh", {"id": "prod_1", "type": "product"})
    assert answer.status_code == 303
    assert "Fetched from Stripe again: stored." in browser.get(answer.headers["Location"]).text


def test_only_a_real_outcome_is_shown(cloud: Cloud, browser: Browser) -> None:
    cloud.put(sample("product", id="prod_1"))
    assert "Fetched" not in browser.get("/object?id=prod_1&type=product&outcome=hacked").text


def test_search_finds_by_id_and_by_address(cloud: Cloud, browser: Browser) -> None:
    cloud.put(sample("customer", id="cus_1", email="Ada@example.com"), customer="cus_1")
    cloud.put(sample("product", id="prod_1"))
    assert browser.get("/search?q=cus_1").headers["Location"] == "/customer?id=cus_1"
    assert browser.get("/search?q=ada@EXAMPLE.com").headers["Location"] == "/customer?id=cus_1"
    assert browser.get("/search?q=prod_1").headers["Location"] == "/object?id=prod_1&type=product"
    assert browser.get("/search?q=cus_none").status_code == 404


def test_the_timeline_shows_the_changes_of_a_customers_own_objects(
    cloud: Cloud, browser: Browser, history: KnownHistory
) -> None:
    fill(cloud)
    page = browser.get(f"/customer?id={CUSTOMER}").text
    assert history.read == [[CUSTOMER, SUBSCRIPTION, LATE]]
    timeline = page.partition('<ol class="timeline">')[2].partition("</ol>")[0]
    assert "<del>current</del> <ins>past_due</ins>" in timeline
    assert f'<ins><a class="id" href="/object?id={LATE}">{LATE}</a></ins>' in timeline
    assert "Kept for 30 days." in page


def test_tiers_are_drawn_as_steps(cloud: Cloud, browser: Browser) -> None:
    fill(cloud)
    words = "first 1,000,000 €0.0000025 each, next 49,000,000.5 €0.000002 each, then €0.00000125 each plus €5.00 flat"
    for page in (f"/customer?id={CUSTOMER}", f"/object?id={RATE}"):
        text = browser.get(page).text
        assert f'role="img" aria-label="Price by quantity: {words}"' in text
        assert "The price of one more unit, by quantity." in text


def test_a_list_has_the_objects_of_a_type_or_those_of_one_customer(cloud: Cloud, browser: Browser) -> None:
    for number in (1, 2):
        cloud.put(sample("invoice", id=f"in_{number}"), customer=f"cus_{number}")
    assert "All 2 objects" in browser.get("/list?type=invoice").text
    page = browser.get("/list?type=invoice&of=cus_2").text
    assert "All 1 object," in page
    assert "in_2" in page
    assert "in_1" not in page
    assert "None." in browser.get("/list?type=product").text
    assert browser.get("/list?type=invioce").status_code == 400
    assert "did you mean &#39;invoice&#39;?" in browser.get("/list?type=invioce").text


def test_an_object_leads_to_its_customer_and_a_customer_not_to_itself(cloud: Cloud, browser: Browser) -> None:
    cloud.put(sample("customer", id="cus_1"), customer="cus_1")
    cloud.put(sample("invoice", id="in_1"), customer="cus_1")
    link = 'Customer <a class="id" href="/customer?id=cus_1">cus_1</a>'
    assert link in browser.get("/object?id=in_1&type=invoice").text
    assert link not in browser.get("/object?id=cus_1&type=customer").text


def test_a_count_of_drift_leads_to_its_evidence(cloud: Cloud, browser: Browser) -> None:
    fill(cloud)
    assert 'href="/drift?type=invoice#evidence"' in browser.get("/drift").text
    assert LATE in browser.get("/drift?type=invoice").text
    assert LATE not in browser.get("/drift?type=product").text


def test_health_needs_no_permission_for_metrics(
    cloud: Cloud, browser: Browser, monkeypatch: pytest.MonkeyPatch
) -> None:
    fill(cloud)
    cloud.function.denied = "User: arn:aws:iam::1:user/a is not authorized to perform: cloudwatch:GetMetricData"
    monkeypatch.setenv("AWS_ENDPOINT_URL_CLOUDWATCH", cloud.function.address)
    page = browser.get("/health")
    assert page.status_code == 200
    assert "The charts need the metrics of CloudWatch." in page.text
    assert "cloudwatch:GetMetricData" in page.text
    assert "Age of each type" in page.text
    assert "<figure" not in page.text


@pytest.mark.parametrize(
    ("status", "mood"), [("active, current", "good"), ("canceled, current", ""), ("paused, past_due", "bad")]
)
def test_only_what_is_well_is_green(cloud: Cloud, browser: Browser, status: str, mood: str) -> None:
    servicing, collection = status.split(", ")
    cloud.put(subscription("rcds_1", servicing_status=servicing, collection_status=collection))
    assert f'<span class="status {mood}">{status.replace("_", " ")}</span>' in browser.get("/object?id=rcds_1").text
