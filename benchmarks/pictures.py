"""The manual's pictures: `python -m benchmarks pictures [--workspace DIR] [--write docs/images]`.

Walks `autarch demo` in a scratch workspace unless one is given, serves its forge and its desk, and takes a picture of
each page in the light theme at one size: look at them before committing. What they show is the demo's, so the figures
in them move when the engine's do.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, Final

ROOT = Path(__file__).resolve().parent.parent
WIDTH: Final = 1100
END_S: Final = 20.0
PAGES: Final = (
    ("report", "/pulls/1/report", 900),
    ("desk_pull", "/pulls/1", 900),
    ("desk_family", "/family", 420),
    ("desk_live", "/live/paper", 900),
)
"""File, page and height in pixels."""
SETTLED: Final = "() => document.readyState === 'complete'"
PAUSE_MS: Final = 1_500
"""For charts and frames that come after: a picture has no event of its own to wait for."""


def main(argv: Sequence[str]) -> int:
    """Take the pictures."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks pictures")
    parser.add_argument("--workspace", type=Path, help="of a walk that is over; made anew without")
    parser.add_argument("--write", type=Path, default=ROOT / "docs" / "images", help="folder of the pictures")
    options = parser.parse_args(argv)
    with tempfile.TemporaryDirectory() as folder:
        workspace = options.workspace or Path(folder) / "workspace"
        if options.workspace is None:
            subprocess.run([*autarch(), "demo", "--dir", str(workspace)], cwd=ROOT, check=True)
        with served(workspace, "forge", "serve", "--port", "0"), served(workspace, "desk") as address:
            take(address, options.write)
    return 0


def autarch() -> list[str]:
    """Return the command line of this clone's code."""
    return [sys.executable, "-P", "-m", "autarch"]


@contextmanager
def served(workspace: Path, *arguments: str) -> Iterator[str]:
    """Run a server in the workspace and yield its address, the first line it prints."""
    with subprocess.Popen([*autarch(), *arguments], cwd=workspace, stdout=subprocess.PIPE, text=True) as process:
        try:
            address = process.stdout.readline().strip() if process.stdout else ""
            if not address:
                sys.exit(f"autarch {' '.join(arguments)} did not start in {workspace}")
            yield address
        finally:
            process.terminate()
            process.wait(END_S)


def take(address: str, folder: Path) -> None:
    """Write each page's picture below `folder`."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  not there in a clone for use

    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        sys.exit("no chromium on PATH: apt-get install chromium")
    place = address.partition("/enter")[0]
    with (
        sync_playwright() as running,
        closing(running.chromium.launch(executable_path=found, args=["--no-sandbox"])) as browser,
    ):
        tab = browser.new_context(color_scheme="light").new_page()
        tab.goto(address)
        tab.goto(f"{place}/live/paper")  # its twin is compared beside, and there by the time of its picture
        for name, page, height in PAGES:
            _picture(tab, f"{place}{page}", folder / f"{name}.png", height)
            print(folder / f"{name}.png")


def _picture(tab: Any, url: str, path: Path, height: int) -> None:
    tab.set_viewport_size({"width": WIDTH, "height": height})
    tab.goto(url)
    tab.wait_for_function(SETTLED)
    tab.wait_for_timeout(PAUSE_MS)
    tab.screenshot(path=path)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
