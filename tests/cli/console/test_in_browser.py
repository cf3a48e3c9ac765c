"""The console in a real browser: what a person does by keyboard, and what another site cannot do."""

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.action_chains import ActionChains
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.expected_conditions import staleness_of, url_contains
from selenium.webdriver.support.wait import WebDriverWait

from billing_mirror_cli.stack.session import Session
from tests.cli.conftest import Cloud

from .conftest import CUSTOMER, LATE, PAGES, RATE, SUBSCRIPTION, Served, fill, open_console, serve

MOST_STOPS = 80
"""Presses of Tab after which a control counts as out of reach."""
PATIENCE = 20.0
"""Seconds that a page may take."""


@pytest.fixture
def served(session: Session, cloud: Cloud) -> Iterator[Served]:
    fill(cloud)
    with serve(session) as served:
        yield served


@pytest.fixture
def chrome(chromium: Chrome, served: Served) -> Chrome:
    return open_console(chromium, served)


def shown(chrome: Chrome) -> str:
    return chrome.find_element(By.TAG_NAME, "main").text


def press(chrome: Chrome, *keys: str) -> None:
    ActionChains(chrome).send_keys(*keys).perform()


def focused(chrome: Chrome) -> WebElement:
    return chrome.switch_to.active_element


def tab_to(chrome: Chrome, name: str) -> WebElement:
    """Presses Tab until the control with this accessible name has the focus; each stop on the way can be seen."""
    stops = []
    for _ in range(MOST_STOPS):
        press(chrome, Keys.TAB)
        stop = focused(chrome)
        if stop.tag_name == "body":
            continue
        assert stop.value_of_css_property("outline-style") == "solid", stop.accessible_name
        stops.append(stop.accessible_name)
        if stops[-1] == name:
            return stop
    raise AssertionError(f"{name!r} cannot be reached by Tab; the stops are {stops}")


def enter(chrome: Chrome) -> None:
    """Presses Enter, and waits for the page that follows."""
    before = chrome.find_element(By.TAG_NAME, "html")
    press(chrome, Keys.ENTER)
    WebDriverWait(chrome, PATIENCE).until(staleness_of(before))


def test_the_key_leaves_the_address(chrome: Chrome, served: Served) -> None:
    assert chrome.current_url == f"{served.address}/"
    assert served.guard.key not in chrome.page_source
    assert chrome.execute_script("return document.cookie") == ""
    assert "FAILING" in shown(chrome)


def test_a_person_finds_a_customer_and_refreshes_it_by_keyboard_alone(
    cloud: Cloud, chrome: Chrome, served: Served
) -> None:
    cloud.function.answer = lambda _: {"objects": [{"id": CUSTOMER, "outcome": "unchanged"}]}
    press(chrome, Keys.TAB)
    assert focused(chrome).accessible_name == "Skip to the content"
    press(chrome, Keys.ENTER)
    assert focused(chrome).tag_name == "main"
    chrome.get(f"{served.address}/health")
    tab_to(chrome, "Customer id, e-mail address or any object id")
    press(chrome, "ADA@example.com")
    enter(chrome)
    assert chrome.current_url == f"{served.address}/customer?id={CUSTOMER}"
    tab_to(chrome, "Fetch again")
    enter(chrome)
    assert "Fetched from Stripe again: unchanged." in shown(chrome)
    assert cloud.function.requests == [{"job": "refresh", "ids": [{"id": CUSTOMER, "type": "customer"}]}]


def test_a_group_in_quarantine_is_retried_by_keyboard_alone(cloud: Cloud, chrome: Chrome) -> None:
    tab_to(chrome, "Quarantine")
    enter(chrome)
    button = tab_to(chrome, "Retry 1 message")
    described = chrome.find_element(By.ID, str(button.get_attribute("aria-describedby")))
    assert "is too large: 1,223 KiB" in described.text
    enter(chrome)
    assert "1 message sent back to the queue." in shown(chrome)
    assert "The quarantine is empty." in shown(chrome)
    assert cloud.queued() == [{"id": "evt_1"}]


def test_every_number_of_a_customer_leads_to_an_object(chrome: Chrome, served: Served) -> None:
    chrome.get(f"{served.address}{PAGES['customer']}")
    for name, expected in (
        ("€147.00", LATE),
        ("€12.50 credit for the next invoice", CUSTOMER),
        ("Output tokens", RATE),
        (SUBSCRIPTION, SUBSCRIPTION),
    ):
        tab_to(chrome, name)
        enter(chrome)
        assert chrome.find_element(By.TAG_NAME, "h1").text == expected
        chrome.back()


@pytest.fixture
def other_site() -> Iterator[str]:
    """A web site on this machine: for a browser it is the same site as the console, at another origin."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            target = self.path.partition("?")[2]
            page = (
                f"<form method=post action='{target}'><input name=id value=cus_1><input name=group value=any></form>"
                "<script>document.forms[0].submit()</script>"
            )
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.end_headers()
            self.wfile.write(page.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize("path", ["/refresh", "/quarantine/retry"])
def test_a_form_of_another_site_is_refused(
    cloud: Cloud, chrome: Chrome, served: Served, other_site: str, path: str
) -> None:
    chrome.get(f"{other_site}/?{served.address}{path}")
    WebDriverWait(chrome, PATIENCE).until(url_contains(path))
    assert "The form did not come from a page of this console" in chrome.find_element(By.TAG_NAME, "body").text
    assert (cloud.queued(), cloud.function.requests) == ([], [])
