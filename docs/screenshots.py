"""Renew docs/report/: the top of each example's page, as Chromium shows it.

Run it in the checkout: python docs/screenshots.py
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from capplan.ask.pages import PageOptions, page_of

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = sorted(path.parent for path in (ROOT / "examples").glob("*/plan.yaml"))
_WIDTH, _HEIGHT, _QUALITY = 1024, 1500, 30


def main() -> None:
    """Write a picture for each example; the browser is that of the tests."""
    sys.path.insert(0, str(ROOT / "tests"))
    from browser import browsing

    programs = [shutil.which(name) for name in ("chromedriver", "chromium")]
    if None in programs:
        sys.exit("docs/screenshots.py needs chromium and chromedriver")
    part = {"x": 0, "y": 0, "width": _WIDTH, "height": _HEIGHT, "scale": 1}
    with TemporaryDirectory() as temporary:
        directory = Path(temporary)
        with browsing(*programs, directory) as browser:
            browser.wide(_WIDTH)
            for example in EXAMPLES:
                file = directory / f"{example.name}.html"
                file.write_text(page_of(PageOptions(example.relative_to(ROOT), (), (), None, None)), "utf-8")
                browser.open(file.as_uri())
                shown = browser.picture(format="webp", quality=_QUALITY, clip=part)
                (ROOT / "docs" / "report" / f"{example.name}.webp").write_bytes(shown)


if __name__ == "__main__":
    main()
