"""A headless browser of this machine, for tests of the console and for the pictures in its documentation."""

from __future__ import annotations

import base64
import contextlib
import os
import shutil
from collections.abc import Iterator
from typing import Literal

from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
DRIVER = "chromedriver"
PHONE, DESKTOP = 390, 1280
"""Widths in pixels."""
MISSING = "This machine has no Chromium with its driver (on Debian: apt-get install chromium chromium-driver)"
_HEIGHTS = {PHONE: 844, DESKTOP: 800}
Scheme = Literal["light", "dark"]


def installed() -> tuple[str, str] | None:
    """The paths of a browser and of its driver; None where one is missing."""
    browser = next((path for name in BROWSERS if (path := shutil.which(name))), None)
    driver = shutil.which(DRIVER)
    return (browser, driver) if browser and driver else None


@contextlib.contextmanager
def started(browser: str, driver: str) -> Iterator[Chrome]:
    """The browser while the block runs."""
    options = ChromeOptions()
    options.binary_location = browser
    options.add_argument("--headless=new")
    options.add_argument("--hide-scrollbars")
    options.add_argument("--disable-dev-shm-usage")  # small where tests run in a container
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    if os.geteuid() == 0:
        options.add_argument("--no-sandbox")  # Chromium refuses to start for root otherwise
    # The address is always that of this machine: without its own driver, selenium would look for one elsewhere.
    chrome = Chrome(options=options, service=Service(driver))
    try:
        yield chrome
    finally:
        chrome.quit()


def show_as(chrome: Chrome, width: int, scheme: Scheme) -> None:
    """Gives the window a width, and prefers a colour scheme."""
    size = {"width": width, "height": _HEIGHTS[width], "deviceScaleFactor": 1, "mobile": width == PHONE}
    chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
    preferred = {"features": [{"name": "prefers-color-scheme", "value": scheme}]}
    chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", preferred)


def picture(chrome: Chrome, width: int, height: int) -> bytes:
    """The upper part of the page that is open, as WebP."""
    clip = {"x": 0, "y": 0, "width": width, "height": height, "scale": 1}
    wanted = {"format": "webp", "quality": 80, "captureBeyondViewport": True, "clip": clip}
    return base64.b64decode(chrome.execute_cdp_cmd("Page.captureScreenshot", wanted)["data"])
