"""`autarch calibrate-me`: twenty practice pull requests, half of them flawed; decide blind, and see how you did."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autarch.cli.telling import tell
from autarch.errors import UsageError

if TYPE_CHECKING:
    from autarch.cli.calibrate_me_maker import Maker

STOPPED_EXIT = 3
SHOWN_CHARS = 12
"""Of the digest of the code that makes cases, in the name of their folder: other code makes other cases."""
WORDS = {"a": "accept", "accept": "accept", "r": "refuse", "refuse": "refuse"}


def register(app: typer.Typer) -> None:
    """Add the verb `calibrate-me`."""
    app.command("calibrate-me")(calibrate_me)


def calibrate_me(
    *,
    seed: Annotated[int, typer.Option(min=0, max=2**31, help="Another seed, other pull requests.")] = 1,
    table: Annotated[bool, typer.Option("--table", help="Show bare metrics instead of the first screen.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Forget earlier answers to this seed.")] = False,
    make_only: Annotated[bool, typer.Option("--make-only", help="Make the pull requests and ask nothing.")] = False,
    json_: Annotated[bool, typer.Option("--json", help="One JSON object a line: each case, then the score.")] = False,
    local_dev: Annotated[bool, typer.Option("--local-dev", help="Go on without full confinement.")] = False,
) -> int:
    """Show 20 practice pull requests blind, half with a planted flaw, and score your decisions and your time.

    They are made from the seed by the real engine, judged by the real gate under the standard limits, and shown as
    the first screen of a report shows them, without the gate's word. The next ones are made while you read. Answers
    are kept: stop at any time, and the same command goes on. Answers may also come through a pipe, one a line:
    accept, refuse, or refuse FLAW.

    Exit code 0 all answered, 3 stopped before the end, 2 misuse.

    Example: autarch calibrate-me

    Example: autarch calibrate-me --seed 7 --table

    Example: my-reader | autarch calibrate-me --json
    """
    from autarch.cli.main import load
    from autarch.paths import cache_root

    keeping = load("ci.calibration.keeping")
    made_by = keeping.makers_digest(_root())[:SHOWN_CHARS]
    shelf = keeping.Shelf(cache_root() / "calibration" / f"{seed}-{made_by}", view="table" if table else "screen")
    if again:
        shelf.forget()
    if make_only:
        return _make(shelf, seed, allow_weak=local_dev)
    from autarch.cli.calibrate_me_maker import Maker

    with Maker(shelf=shelf, seed=seed, allow_weak=local_dev) as maker:
        finished = _ask_all(shelf, maker, table=table, json_=json_)
    _tell(shelf, finished=finished, json_=json_)
    return 0 if finished else STOPPED_EXIT


def _root() -> Path:
    from autarch.cli.main import load

    return Path(load("ci").__file__).resolve().parent.parent


def _make(shelf: Any, seed: int, *, allow_weak: bool) -> int:
    """Make what is not there yet, in order."""
    from autarch.cli.main import load
    from autarch.numerics import ensure_pinned

    ensure_pinned(sys.argv[1:])
    cases = load("ci.calibration.cases")
    missing = [number for number in range(1, cases.COUNT + 1) if shelf.case(number) is None]
    if not missing:
        return 0
    with cases.opened(seed=seed, root=_root(), allow_weak=allow_weak) as shop:
        plan = cases.plan(seed)
        for made, number in enumerate(missing, start=1):
            shelf.put(cases.make(shop, plan[number - 1], progress=lambda _line: None))
            tell(f"{made} of {len(missing)} pull requests made")
    return 0


def _ask_all(shelf: Any, maker: Maker, *, table: bool, json_: bool) -> bool:
    """Ask about every case without an answer; False: the reader stopped."""
    from autarch.cli.main import load

    count = load("ci.calibration.cases").COUNT
    flaws = load("ci.calibration.kinds").FLAWS
    answer = load("ci.calibration.scoring").Answer
    for number in range(1, count + 1):
        if number in shelf.answers():
            continue
        case = maker.wait(number)
        _show(case, table=table, json_=json_, count=count, flaws=flaws)
        began = time.monotonic()
        said = _decided(flaws)
        if said is None:
            return False
        decision, flaw = said
        shelf.answer(answer(number=number, decision=decision, flaw=flaw, seconds=round(time.monotonic() - began, 1)))
    return True


def _show(case: Any, *, table: bool, json_: bool, count: int, flaws: dict[str, str]) -> None:
    rows = case.table if table else case.lines
    if json_:
        told = {"case": case.number, "of": count, "shown": dict(rows), "flaws": flaws}
        print(json.dumps(told, ensure_ascii=False), flush=True)
        return
    print(f"\n--- pull request {case.number} of {count} ---")
    for label, text in rows:
        print(f"{label:<20} {text}")
    sys.stdout.flush()


def _decided(flaws: dict[str, str]) -> tuple[str, str | None] | None:
    """Read one decision; None when the reader stops. What cannot be read is asked again on a terminal.

    Raises:
        UsageError: a line of a pipe says neither.
    """
    while True:
        line = _read("accept or refuse? [a/r, q stops] ")
        words = line.split() if line is not None else ["q"]
        if words and words[0] in {"q", "quit"}:
            return None
        decision = WORDS.get(words[0]) if words else None
        if decision == "accept" and len(words) == 1:
            return decision, None
        if decision == "refuse" and (len(words) == 1 or words[1] in flaws):
            return decision, words[1] if len(words) > 1 else _flaw(flaws)
        if not sys.stdin.isatty():
            raise UsageError(f"answer {line!r}: expected accept, refuse, or refuse with one of {', '.join(flaws)}")


def _flaw(flaws: dict[str, str]) -> str | None:
    """Ask a person what is wrong; a pipe has said all it has to say."""
    if not sys.stdin.isatty():
        return None
    for place, (name, words) in enumerate(flaws.items(), start=1):
        sys.stderr.write(f"  {place:>2}  {name:<10} {words}\n")
    line = (_read("for what? [number or name, Enter for none of these] ") or "").strip()
    if line.isdigit() and 1 <= int(line) <= len(flaws):
        return list(flaws)[int(line) - 1]
    return line if line in flaws else None


def _read(prompt: str) -> str | None:
    """Return a line of standard input, None at its end; the prompt goes to stderr, and to people alone."""
    if sys.stdin.isatty():
        sys.stderr.write(prompt)
        sys.stderr.flush()
    line = sys.stdin.readline()
    return line.strip() if line else None


def _tell(shelf: Any, *, finished: bool, json_: bool) -> None:
    """Print the score, once all is answered; before that a truth told would spoil the rest."""
    from autarch.cli.main import load

    answers, cases = shelf.answers(), shelf.cases()
    if not finished:
        tell(f"{len(answers)} answers are kept; the same command goes on")
        return
    found = load("ci.calibration.scoring").score(cases, answers)
    if json_:
        from dataclasses import asdict

        truth = {case.number: case.flaw for case in cases}
        print(json.dumps({"score": asdict(found), "truth": truth, "gate": {c.number: c.verdict for c in cases}}))
        return
    print("\n".join(load("ci.calibration.telling").lines_of(found, cases, answers)))
