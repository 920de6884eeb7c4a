"""Measure Autarch beside its peers: `python -m benchmarks peers [--date 2026-01-31] [--write docs/benchmarks.md]`.

Prints the page on stdout, progress on stderr. Samples are kept under the cache root, so that an interrupted
run goes on; `--fresh` begins anew. Takes about eight minutes on an idle machine of two cores.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

from autarch.numerics import cpu_features
from autarch.paths import cache_root
from benchmarks.peers import environment, plan
from benchmarks.peers.figures import disagreements
from benchmarks.peers.goals import goals
from benchmarks.peers.page import Circumstances, page
from benchmarks.peers.samples import Samples, Say, prepare_prices, take, told_by

TOLD = {"sweep": ("benchmarks.peers.swept", "{folder}"), "cold": ("benchmarks.cold_backtest", "--json")}
"""Benchmarks of their own that print one JSON object; `{folder}` is where the prices are."""


def parsed(argv: list[str]) -> argparse.Namespace:
    """Return the command line's choices."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks peers", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few thousand bars: shows agreement, not speed")
    parser.add_argument("--build", action="store_true", help="build the peers' environment and stop")
    parser.add_argument("--fresh", action="store_true", help="forget the samples of an earlier run of this commit")
    parser.add_argument("--only", default="", help="stages, comma-separated: W1,W1s,W1f,W2,W3,W4,growth,sweep,cold")
    parser.add_argument(
        "--rounds", type=int, default=0, help="fresh processes of each, where the plan has more than one"
    )
    parser.add_argument("--date", default="a day not told", help="written into the page")
    parser.add_argument("--write", type=Path, help="write the page here as well")
    parser.add_argument("--folder", type=Path, help="where samples and prices are kept")
    return parser.parse_args(argv)


def main(argv: list[str]) -> int:
    """Measure and render; returns 1 when a process failed or engines that should agree do not, 2 on a bad name."""
    chosen = parsed(argv)

    def say(text: str) -> None:
        sys.stderr.write(f"{text}\n")
        sys.stderr.flush()

    environment.build(say)
    if chosen.build:
        return 0
    stages = plan.quick() if chosen.quick else plan.full()
    named = [name for name in chosen.only.split(",") if name] or [*stages, *(() if chosen.quick else TOLD)]
    unknown = [name for name in named if name not in stages and name not in TOLD]
    if unknown:
        say(f"no stage {', '.join(unknown)}; there are: {', '.join((*stages, *TOLD))}")
        return 2
    folder = chosen.folder or cache_root() / "bench" / ("quick" if chosen.quick else "full")
    samples = _samples(folder, fresh=chosen.fresh)
    failed = _measure(stages, named, folder=folder, rounds=chosen.rounds, samples=samples, say=say)
    shown = page(samples, stages, made=_circumstances(argv, chosen.date), folder=folder)
    sys.stdout.write(shown)
    if chosen.write is not None:
        chosen.write.write_text(shown, encoding="utf-8")
    apart = disagreements(samples, stages)
    for words in apart:
        say(f"disagrees: {words}")
    say(f"{failed} processes failed; goals missed: {sum(goal.word == 'NO' for goal in goals(samples, stages))}")
    return 1 if failed or apart else 0


def _samples(folder: Path, *, fresh: bool) -> Samples:
    """Return the samples of this code: another commit or another edit of it begins anew."""
    code = hashlib.sha256()
    for tree in ("autarch", "benchmarks"):
        for module in sorted((environment.ROOT / tree).rglob("*.py")):
            code.update(module.read_bytes())
    code.update(environment.LOCK.read_bytes())
    path = folder / f"samples-{code.hexdigest()[:16]}.jsonl"
    folder.mkdir(parents=True, exist_ok=True)
    if fresh:
        path.unlink(missing_ok=True)
    return Samples(path)


def _measure(  # noqa: PLR0913  each is named at the call
    stages: dict[str, tuple[plan.Entry, ...]],
    named: list[str],
    *,
    folder: Path,
    rounds: int,
    samples: Samples,
    say: Say,
) -> int:
    """Take every named stage; return how many processes failed."""
    prepare_prices(folder, stages, say)
    failed = 0
    for name in named:
        if name in TOLD:
            failed += _ask(name, folder, samples, say)
        else:
            entries = tuple(replace(one, rounds=min(one.rounds, rounds or one.rounds)) for one in stages[name])
            failed += take(folder, name, entries, samples, say)
    return failed


def _ask(name: str, folder: Path, samples: Samples, say: Say) -> int:
    """Run a benchmark of its own unless it was; return 1 when it failed."""
    if samples.of(name, name):
        return 0
    command = [part.format(folder=folder) for part in TOLD[name]]
    say(f"{name}: python -m {' '.join(command)}")
    found, complaint = told_by([sys.executable, "-m", *command])
    if complaint:
        say(f"  failed: {complaint}")
        return 1
    samples.add(name, name, found)
    return 0


def _circumstances(argv: list[str], date: str) -> Circumstances:
    vectors = [name for name in ("avx2", "fma", "avx512f") if name in cpu_features()]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    load = ", ".join(f"{value:.1f}" for value in os.getloadavg())
    told = [argument for argument in argv if argument != "--fresh"]
    return Circumstances(
        date=date,
        command=" ".join(("python -m benchmarks peers", *told)),
        machine=f"{_cpu()}, {os.cpu_count()} cores, {memory:.0f} GiB, {' '.join(vectors)}, {platform.system()} "
        f"{platform.release()}, Python {platform.python_version()}",
        versions={
            **environment.versions("vectorbt", "vectorbt", "backtesting", "backtrader"),
            **{f"{n} (peers)": v for n, v in environment.versions("vectorbt", "pandas", "numba", "numpy").items()},
            **environment.versions("autarch", "autarch", "pandas", "numba", "numpy"),
        },
        load=f"Load average over 1, 5 and 15 minutes when the page was written: {load}",
        commit=_commit(),
    )


def _cpu() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return platform.processor()
    return next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), platform.machine())


def _commit() -> str:
    git = shutil.which("git") or "git"
    done = subprocess.run(
        [git, "describe", "--always", "--dirty"], cwd=environment.ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip() or "unknown"


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
