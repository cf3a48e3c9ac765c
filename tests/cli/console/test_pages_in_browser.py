"""The pages in a real browser: for a screen reader, on a phone, in dark and light, and under the policy."""

from collections.abc import Iterator

import pytest
from selenium.webdriver import Chrome
from selenium.webdriver.common.by import By
from selenium.webdriver.remote.webelement import WebElement

from dev import browser
from dev.browser import Scheme
from dev.sandbox.ministack import MiniStack
from tests.cli.conftest import Cloud, Function

from .conftest import PAGES, Served, fill, open_console, serve, session_on

READABLE = 4.5
"""https://www.w3.org/TR/WCAG22/#contrast-minimum"""

OPEN_DETAILS = "document.querySelectorAll('details').forEach(one => one.open = true)"
BEYOND = """
const cut = one => one.getBoundingClientRect().right > innerWidth + 1;
return [...document.querySelectorAll("main *")]
  .filter(one => one.checkVisibility() && !one.closest(".scroll, .unseen") && cut(one))
  .map(one => one.outerHTML);
"""
"""What is cut off at the right, other than tables that scroll in their own frame."""
CONTRASTS = """
const channels = text => (text.match(/[\\d.]+/g) || []).map(Number);
const over = (above, below) => {
  const alpha = above[3] ?? 1;
  return [0, 1, 2].map(i => above[i] * alpha + below[i] * (1 - alpha));
};
const behind = element => {
  const layers = [];
  for (let one = element; one; one = one.parentElement) {
    const colour = channels(getComputedStyle(one).backgroundColor);
    if ((colour[3] ?? 1) > 0) layers.unshift(colour);
  }
  return layers.reduce((below, above) => over(above, below), [255, 255, 255]);
};
const light = colour => colour.map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
  .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
const contrast = (text, element) => {
  const below = behind(element), [a, b] = [light(over(text, below)), light(below)].sort((x, y) => y - x);
  return (a + 0.05) / (b + 0.05);
};
const found = [];
const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (texts.nextNode()) {
  const element = texts.currentNode.parentElement, text = texts.currentNode.textContent.trim();
  if (!text || ["TITLE", "DESC", "STYLE"].includes(element.tagName.toUpperCase())) continue;
  if (!element.checkVisibility()) continue;
  const style = getComputedStyle(element);
  const colour = channels(element instanceof SVGElement ? style.fill : style.color);
  found.push([text.slice(0, 40), contrast(colour, element)]);
}
for (const field of document.querySelectorAll("[placeholder]"))
  found.push([field.placeholder, contrast(channels(getComputedStyle(field, "::placeholder").color), field)]);
return found;
"""


@pytest.fixture(scope="module")
def served(local_aws: MiniStack) -> Iterator[Served]:
    """One console for all tests here: they only read."""
    cloud = Cloud(local_aws.endpoint, Function("http://127.0.0.1:9"))
    fill(cloud)
    with pytest.MonkeyPatch.context() as environment, serve(session_on(cloud, environment)) as served:
        yield served


@pytest.fixture(scope="module")
def chrome(chromium: Chrome, served: Served) -> Chrome:
    return open_console(chromium, served)


def show(chrome: Chrome, address: str, *, width: int = browser.DESKTOP, scheme: Scheme = "light") -> None:
    """Opens a page with everything on it unfolded."""
    browser.show_as(chrome, width, scheme)
    chrome.get(address)
    chrome.execute_script(OPEN_DETAILS)


@pytest.mark.parametrize("page", PAGES)
def test_a_screen_reader_finds_names_for_everything(chrome: Chrome, served: Served, page: str) -> None:
    show(chrome, served.address + PAGES[page])
    assert chrome.find_element(By.TAG_NAME, "html").get_attribute("lang") == "en"
    assert len(chrome.find_elements(By.TAG_NAME, "h1")) == 1
    controls = chrome.find_elements(By.CSS_SELECTOR, "a, button, input:not([type=hidden]), summary, [tabindex='0']")
    pictures = chrome.find_elements(By.CSS_SELECTOR, "svg:not([aria-hidden]), meter")
    regions = chrome.find_elements(By.CSS_SELECTOR, "nav, section, article, figure")
    assert [one.get_attribute("outerHTML") for one in controls + pictures if not one.accessible_name] == []
    assert [one.get_attribute("outerHTML") for one in regions if not named(one)] == []
    for table in chrome.find_elements(By.TAG_NAME, "table"):
        assert table.find_elements(By.TAG_NAME, "caption"), table.text
        assert table.find_elements(By.CSS_SELECTOR, "th[scope=col]"), table.text
    assert doubled_ids(chrome) == []


def named(region: WebElement) -> bool:
    """Whether a region has a name, or is a picture with a caption."""
    return bool(region.accessible_name) or bool(region.find_elements(By.TAG_NAME, "figcaption"))


def doubled_ids(chrome: Chrome) -> list[str]:
    ids = [str(one.get_attribute("id")) for one in chrome.find_elements(By.CSS_SELECTOR, "[id]")]
    return sorted({one for one in ids if ids.count(one) > 1})


@pytest.mark.parametrize("page", PAGES)
def test_a_phone_shows_each_page_without_scrolling_sideways(chrome: Chrome, served: Served, page: str) -> None:
    show(chrome, served.address + PAGES[page], width=browser.PHONE)
    width = chrome.execute_script("return [document.documentElement.scrollWidth, innerWidth]")
    assert width == [browser.PHONE, browser.PHONE]
    assert chrome.execute_script(BEYOND) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("page", PAGES)
def test_all_text_can_be_read(chrome: Chrome, served: Served, page: str, scheme: Scheme) -> None:
    show(chrome, served.address + PAGES[page], scheme=scheme)
    found: list[tuple[str, float]] = chrome.execute_script(CONTRASTS)
    assert len(found) > 10
    assert [(text, ratio) for text, ratio in found if ratio < READABLE] == []


@pytest.mark.parametrize("page", PAGES)
def test_the_policy_blocks_nothing_of_a_page(chrome: Chrome, served: Served, page: str) -> None:
    messages(chrome)  # what tests before it have left
    show(chrome, served.address + PAGES[page])
    assert [one for one in messages(chrome) if "status of 404" not in one] == []


def messages(chrome: Chrome) -> list[str]:
    """What the browser has complained about since it was last asked."""
    return [str(one["message"]) for one in chrome.get_log("browser")]  # type: ignore[no-untyped-call]
