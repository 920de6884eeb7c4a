"""Which modules judge, which tests answer for them, and which mutants a run tries."""

from __future__ import annotations

import random
from dataclasses import dataclass
from itertools import islice
from pathlib import Path

from benchmarks.mutation.forked import Stage
from benchmarks.mutation.sites import Mutant, mutants_of, parses


@dataclass(frozen=True, slots=True, kw_only=True)
class Area:
    """Modules and the tests that answer for them, in the order in which they are run.

    Attributes:
        name: gate, kernel or contract.
        share: Of the mutants, in (0, 1).
        modules: Glob patterns.
        left_out: Modules that only word reports, or show what a human decides.
        first: Runs of tests before those of the module itself: what kills most, and soon.
        likely: Tests asked about any module, after its own.
        tests: Runs of tests, all that answer for the area; the first that fails has killed the mutant.
    """

    name: str
    share: float
    modules: tuple[str, ...]
    tests: tuple[Stage, ...]
    first: tuple[Stage, ...] = ()
    likely: tuple[str, ...] = ()
    left_out: tuple[str, ...] = ()


AREAS = (
    Area(
        name="gate",
        share=0.5,
        modules=("ci/checks/*.py", "ci/*.py", "ci/vault/*.py"),
        left_out=(
            *("ci/report*.py", "ci/page.py", "ci/publish*.py", "ci/release.py", "ci/checks/findings.py"),
            *("ci/platform_*.py", "ci/policy_change.py"),
        ),
        likely=("tests/ci/test_gate_laws.py", "tests/ci/test_values.py"),
        tests=(
            Stage(arguments=("tests/ci", "-m", "not slow")),
            Stage(arguments=("tests/canaries", "tests/honest", "-m", "not slow")),
            Stage(arguments=("tests/canaries",)),
        ),
    ),
    Area(
        name="kernel",
        share=0.3,
        modules=(
            "autarch/engine/account.py",
            "autarch/engine/decision.py",
            "autarch/engine/kernel.py",
            "autarch/engine/margin.py",
            "autarch/engine/packing.py",
            "autarch/engine/position.py",
            "autarch/engine/quiet.py",
            "autarch/engine/rules.py",
            "autarch/engine/terms.py",
        ),
        first=(
            Stage(
                arguments=(
                    *("tests/engine/canonical", "tests/engine/test_one_bar_exits.py"),
                    *("tests/engine/test_one_bar_halts.py", "tests/engine/test_one_bar_orders.py"),
                    *("tests/engine/test_rules.py", "tests/engine/test_packing.py"),
                ),
                interpreted=True,
            ),
        ),
        tests=(
            Stage(arguments=("tests/engine", "-m", "not slow")),
            Stage(arguments=("tests/referee", "-m", "not slow")),
        ),
    ),
    Area(
        name="contract",
        share=0.2,
        modules=("autarch/strategy/*.py", "autarch/evaluation/*.py", "autarch/decisions.py"),
        left_out=("autarch/evaluation/playing.py", "autarch/evaluation/sheet.py"),
        tests=(
            Stage(arguments=("tests/strategy", "tests/evaluation", "-m", "not slow")),
            Stage(arguments=("tests/sandbox", "tests/sweep", "tests/live", "-m", "not slow")),
            Stage(arguments=("tests/canaries", "tests/honest", "-m", "not slow")),
        ),
    ),
)


def chosen(root: Path, *, count: int, seed: int) -> list[tuple[Area, Mutant]]:
    """Return `count` mutants, drawn from all that there are, by area in its share.

    Raises:
        ValueError: an area has fewer mutants than its share asks for.
    """
    drawn: list[tuple[Area, Mutant]] = []
    dice = random.Random(seed)  # noqa: S311  the same draw again is the point
    for area in AREAS:
        sources = {path: (root / path).read_text() for path in modules_of(root, area)}
        known = [mutant for path, source in sources.items() for mutant in mutants_of(path, source)]
        dice.shuffle(known)
        sound = (mutant for mutant in known if parses(mutant.applied(sources[mutant.path])))
        wanted = round(count * area.share)
        found = [(area, mutant) for mutant in islice(sound, wanted)]
        if len(found) < wanted:
            raise ValueError(f"{area.name} has {len(found)} mutants, {wanted} are wanted")
        drawn += found
    return drawn


def modules_of(root: Path, area: Area) -> list[str]:
    """Return the area's modules, sorted."""
    left_out = {path for pattern in area.left_out for path in root.glob(pattern)}
    found = {path for pattern in area.modules for path in root.glob(pattern)} - left_out
    return sorted(str(path.relative_to(root)) for path in found if path.name != "__init__.py")
