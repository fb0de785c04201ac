"""A headless Chromium, or the reason why there is none: Debian's, driven by selenium."""

import shutil
from contextlib import contextmanager

import pytest


@contextmanager
def opened(path, *, scripts=True, width=1280, height=900):
    """The page at `path`, opened from disk."""
    selenium = pytest.importorskip("selenium", reason="selenium is not installed")
    browser, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if browser is None or driver is None:
        pytest.skip("there is no chromium with its chromedriver here (.ci/run installs them)")
    from selenium.webdriver import Chrome
    from selenium.webdriver.chrome.options import Options
    from selenium.webdriver.chrome.service import Service

    assert selenium
    options = Options()
    options.binary_location = browser
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                 f"--window-size={width},{height}"):  # fmt: skip
        options.add_argument(word)
    if not scripts:
        options.add_experimental_option(
            "prefs", {"profile.managed_default_content_settings.javascript": 2}
        )
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    chrome = Chrome(options=options, service=Service(driver))
    try:
        chrome.get(path.resolve().as_uri())
        yield chrome
    finally:
        chrome.quit()


def until(chrome, expression, seconds=10):
    """Wait for a JavaScript expression to become true, and return it."""
    import time

    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if found := chrome.execute_script(f"return {expression}"):
            return found
        time.sleep(0.05)
    raise AssertionError(f"{expression} did not come true within {seconds} s")


def complaints(chrome):
    return [entry["message"] for entry in chrome.get_log("browser") if entry["level"] == "SEVERE"]
