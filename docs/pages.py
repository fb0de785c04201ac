"""Remake the pictures of the pages: a report by day on a desk, by night on a phone.

python docs/pages.py     # needs Debian's chromium and chromium-driver, and selenium
"""

import shutil
import tempfile
from contextlib import contextmanager
from pathlib import Path

import cv2
import numpy as np
from selenium.webdriver import Chrome
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.support.ui import WebDriverWait

import segment

HERE = Path(__file__).parent
CLIP = HERE.parent / "videos" / "street.mp4"
CHAIN = (
    f"read '{CLIP}' subtract clean group events --clock 2026-11-27T06:00:00 "
    "--line 'road: 170,20 170,235' --zone 'crossing: 190,120 300,120 300,235 190,235'"
)
MOMENT = 6.0  # second of the clip that the player shows


@contextmanager
def browser(width: int, height: int, dark: bool):
    """A headless Chromium with a window of this size."""
    options = Options()
    options.binary_location = shutil.which("chromium") or "chromium"
    for word in ("--headless=new", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"):
        options.add_argument(word)
    chrome = Chrome(options=options, service=Service(shutil.which("chromedriver") or ""))
    try:
        theme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        chrome.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [theme]})
        screen = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600}
        chrome.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", screen)
        yield chrome
    finally:
        chrome.quit()


def picture(page: Path, width: int, height: int, dark: bool = False) -> np.ndarray:
    """The first screen of a page, (height, width, 3) uint8 BGR, its player at `MOMENT`."""
    with browser(width, height, dark) as chrome:
        chrome.get(page.resolve().as_uri())
        if chrome.find_elements("id", "video"):
            ready = (
                "var v = document.getElementById('video'); return v.readyState >= 2 && !v.seeking"
            )
            WebDriverWait(chrome, 60).until(lambda it: it.execute_script(ready))
            chrome.execute_script(f"document.getElementById('video').currentTime = {MOMENT}")
            WebDriverWait(chrome, 60).until(lambda it: it.execute_script(ready))
        content = np.frombuffer(chrome.get_screenshot_as_png(), np.uint8)
    return cv2.imdecode(content, cv2.IMREAD_COLOR)


def main() -> None:
    """Write docs/reference/report.jpg and report-phone.jpg."""
    with tempfile.TemporaryDirectory() as out:
        segment.run(f"{CHAIN} export '{out}' --as report --as events")
        page = Path(out) / "street" / "report.html"
        desk = picture(page, 1280, 860)
        phone = picture(page, 390, 900, dark=True)
    for name, shot in (("report", desk), ("report-phone", phone)):
        cv2.imwrite(str(HERE / "reference" / f"{name}.jpg"), shot, [cv2.IMWRITE_JPEG_QUALITY, 80])


if __name__ == "__main__":
    main()
