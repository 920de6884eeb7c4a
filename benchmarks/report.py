"""What a report of 3 x 70,000 bars costs, made and in Chromium: `python -m benchmarks report`.

Judges strategies/ema_trend, as it lies here, on a synthetic market made on the way (risk, robustness and evidence:
what a report draws), makes the page `MADE` times and loads it `LOADED` times from disk, each in a browser context of
its own. A page answers when its scripts have run and the frame after is drawn; the browser's own start is not counted.
`TaskDuration` is seconds of the page's main thread by the browser's own count.
"""

from __future__ import annotations

import os
import shutil
import statistics
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from autarch.canonical import Sha256
from autarch.manifest import parse_source
from autarch.market.build import build, write_blobs
from autarch.market.stores import Stores
from autarch.market.synth_dataset import default_spec, synth_recipe
from autarch.numerics import is_pinned, pinned_environment
from ci.candidate import Candidate
from ci.context import GateInputs
from ci.gate import judge
from ci.outcome import GateOutcome
from ci.policy import PRESETS, parse_policy
from ci.report_html import html
from ci.workers import started_workers

ROOT = Path(__file__).resolve().parent.parent
SLUG = "ema_trend"
BARS = 116_700  # 60 % of them in train
MADE, LOADED = 7, 21
ASKED = frozenset({"risk", "robustness", "evidence"})
WATCH = """
new MutationObserver((_, watch) => {
  if (document.documentElement?.dataset.ready !== "yes") return;
  watch.disconnect();
  const scripts = performance.now();
  requestAnimationFrame(() => setTimeout(() => { window.answered = { scripts, frame: performance.now() }; }));
}).observe(document, { attributes: true, subtree: true, attributeFilter: ["data-ready"] });
"""
COUNTED = ("TaskDuration", "ScriptDuration", "LayoutDuration", "RecalcStyleDuration")


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """One load, seconds since navigation began: scripts run, frame drawn; and the main thread's own count by kind."""

    scripts_s: float
    frame_s: float
    counted: dict[str, float]


def main() -> int:
    """Measure and print."""
    if not is_pinned():
        os.execve(  # noqa: S606  becoming pinned is the point
            sys.executable, [sys.executable, "-m", "benchmarks.report", *sys.argv[1:]], pinned_environment(os.environ)
        )
    with tempfile.TemporaryDirectory() as name:
        outcome = judged(Path(name))
        walls, cpus, page = [], [], ""
        for _ in range(MADE):
            wall, cpu = time.perf_counter(), time.process_time()
            page = html(outcome)
            walls.append(time.perf_counter() - wall)
            cpus.append(time.process_time() - cpu)
        file = Path(name) / "report.html"
        file.write_text(page, encoding="utf-8")
        kept = os.environ.get("AUTARCH_BENCH_KEEP")
        if kept:
            shutil.copy(file, kept)
        print(f"made            {statistics.median(walls):6.3f} s   processor {statistics.median(cpus):.3f} s")
        print(f"size            {file.stat().st_size / 1e6:6.2f} MB")
        show(loads(file))
    return 0


def judged(folder: Path) -> GateOutcome:
    """Return the verdict on the trend strategy, three of the gate's checks only."""
    built = build(synth_recipe(default_spec(n_bars=BARS), name="report"))
    stores = Stores.under(folder / "data")
    write_blobs(built, stores)
    own = ROOT / "strategies" / SLUG
    source = parse_source(
        slug=SLUG, manifest_bytes=(own / "manifest.toml").read_bytes(), code=(own / "strategy.py").read_bytes()
    )
    path = PRESETS["standard"]
    with started_workers(allow_weak=True) as workers:
        inputs = GateInputs(
            policy=parse_policy((ROOT / path).read_bytes(), path=path),
            lock=built.lock,
            stores=stores,
            engine=Sha256("0" * 64),
            numerics=Sha256(workers.main.numerics),
            trials=1,
            allow_weak=True,
        )
        candidate = Candidate(kind="strategy", slug=SLUG, source=source, base="0" * 40, incumbent=None)
        return judge(candidate, inputs, progress=lambda _line: None, clock=time.monotonic, only=ASKED, workers=workers)


def loads(file: Path) -> list[Load]:
    """Load the page `LOADED` times; the first is not counted."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415  not there in a clone for use

    found = shutil.which("chromium") or shutil.which("google-chrome")
    if found is None:
        sys.exit("no chromium on PATH: apt-get install chromium")
    with (
        sync_playwright() as running,
        closing(running.chromium.launch(executable_path=found, args=["--no-sandbox"])) as browser,
    ):
        return [load(browser, file) for _ in range(LOADED + 1)][1:]


def load(browser: Any, file: Path) -> Load:
    """Load the page once, in a context of its own."""
    with closing(browser.new_context(viewport={"width": 1200, "height": 900})) as context:
        context.add_init_script(WATCH)
        tab = context.new_page()
        counter = context.new_cdp_session(tab)
        counter.send("Performance.enable")
        tab.goto(file.as_uri(), wait_until="commit")
        tab.wait_for_function("() => window.answered !== undefined")
        counted = {one["name"]: one["value"] for one in counter.send("Performance.getMetrics")["metrics"]}
        answered = tab.evaluate("() => window.answered")
    return Load(
        scripts_s=answered["scripts"] / 1000.0,
        frame_s=answered["frame"] / 1000.0,
        counted={name: counted[name] for name in COUNTED},
    )


def show(found: list[Load]) -> None:
    """Print medians, and the quarter that took longest."""
    for words, values in (
        ("scripts have run", [one.scripts_s for one in found]),
        ("answers", [one.frame_s for one in found]),
        *((name, [one.counted[name] for one in found]) for name in COUNTED),
    ):
        print(
            f"{words:20s} {statistics.median(values):6.3f} s   upper quarter {statistics.quantiles(values, n=4)[2]:.3f}"
        )


if __name__ == "__main__":
    raise SystemExit(main())
