"""Screenshots of a report in a browser, light and dark: report-light.png and report-dark.png.

    python scripts/docs/screenshots.py report.html [--out docs/results] [--width 1400] [--height 3200] [--grey]

Needs chromium and chromedriver, and the packages selenium and Pillow.
"""

import argparse
import base64
import io
import shutil
import tempfile
from pathlib import Path
from typing import Any

ARGUMENTS = (
    *("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions"),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("report", type=Path)
    parser.add_argument("--out", type=Path, default=Path("docs/results"))
    parser.add_argument("--width", type=int, default=1400)
    parser.add_argument("--height", type=int, default=4200, help="of the page, from the top; 0: all of it")
    parser.add_argument("--grey", action="store_true", help="also report-grey.png, without colours")
    asked = parser.parse_args()
    asked.out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as profile:
        browser = start(Path(profile))
        try:
            for theme in ("light", "dark"):
                save(browser, asked, theme, asked.out / f"report-{theme}.png")
            if asked.grey:
                save(
                    browser, asked, "light", asked.out / "report-grey.png", "document.body.style.filter='grayscale(1)'"
                )
        finally:
            browser.quit()


def start(profile: Path) -> Any:
    """Start a separate browser without network access."""
    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or "chromium"
    for argument in (*ARGUMENTS, f"--user-data-dir={profile}"):
        options.add_argument(argument)
    return webdriver.Chrome(options, Service(shutil.which("chromedriver")))


def save(browser: Any, asked: argparse.Namespace, theme: str, target: Path, script: str = "") -> None:
    """Save the page from its top, in a palette of 256 colours."""
    from PIL import Image

    scheme = {"name": "prefers-color-scheme", "value": theme}
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [scheme]})
    metrics = {"width": asked.width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)
    browser.get(asked.report.absolute().as_uri())
    browser.execute_script(f"document.querySelector('nav').style.position = 'static'; {script}")
    height = browser.execute_script("return document.documentElement.scrollHeight")
    height = min(height, asked.height) if asked.height else height
    clip = {"x": 0, "y": 0, "width": asked.width, "height": height, "scale": 1}
    shot = browser.execute_cdp_cmd("Page.captureScreenshot", {"clip": clip, "captureBeyondViewport": True})
    image = Image.open(io.BytesIO(base64.b64decode(shot["data"]))).convert("RGB")
    image.quantize(256, dither=Image.Dither.NONE).save(target, optimize=True)
    print(f"{target}: {image.width} x {image.height}, {target.stat().st_size / 1e3:.0f} kB")


if __name__ == "__main__":
    main()
