"""`autarch leaderboard`: every scored candidate, deflated by all tries, and what refused the others."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from autarch.errors import ConfigError, UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from autarch.evidence.board import Board, Killed, Listed
    from autarch.evidence.claim import Claim
    from autarch.evidence.ledger_entry import Sealed
    from autarch.repo.git import GitRepo, Remote

ORIGIN_LEDGER = "refs/remotes/origin/autarch/ledger"
MAINS = ("refs/remotes/origin/main", "refs/heads/main")


def register(app: typer.Typer) -> None:
    """Add the verb `leaderboard`."""
    app.command("leaderboard")(leaderboard)


def leaderboard(
    *,
    rejected: Annotated[bool, typer.Option("--rejected", help="Show what was refused, and which check did.")] = False,
    dataset: Annotated[str, typer.Option(help="Whose train days; the newest scored one by default.")] = "",
    html: Annotated[Path | None, typer.Option(help="Write one HTML file here as well.")] = None,
    json_: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> int:
    """Rank every candidate by its Sharpe ratio on train, deflated by all tries of the ledger.

    Works in a workspace and in any clone that has fetched the branch autarch/ledger.
    It shows and decides nothing: the gate says what may be merged, `autarch judge` what may be promoted.

    Example: autarch leaderboard --html board.html

    Example: autarch leaderboard --rejected --json
    """
    import msgspec

    from autarch.evidence.board import board_of, kills
    from autarch.evidence.board import rejected as refused

    repo, remote, main, entries, head = _opened()
    board = board_of(entries, _listed(repo, main, entries), dataset=dataset or _newest(entries), head=head)
    killed = refused(entries, _claims(repo, remote, entries)) if rejected or html is not None else ()
    if json_:
        found = {"rejected": killed, "kills": dict(kills(killed))} if rejected else board
        print(json.dumps(msgspec.to_builtins(found)))
    elif rejected:
        print("\n".join(_rejected_lines(killed, kills(killed))))
    else:
        print("\n".join(_board_lines(board)))
    if html is not None:
        from autarch.cli.putting import put

        sys.stdout.flush()
        put(html, _page(board, killed), otherwise="the table itself is on standard output")
    return 0


def _opened() -> tuple[GitRepo, Remote | None, str, tuple[Sealed, ...], str | None]:
    """Return the repository, the forge where there is one, main, the ledger's entries and its head."""
    from autarch.evidence.ledger import LEDGER_REF, Ledger
    from autarch.repo.git import GitRepo
    from autarch.repo.mainline import fetch_main
    from autarch.repo.signers import trust_at
    from autarch.workspace import Workspace

    try:
        workspace = Workspace.find()
    except ConfigError:
        repo = GitRepo(Path.cwd())
        main = next((tip for tip in map(repo.read_ref, MAINS) if tip is not None), None)
        if main is None:
            raise UsageError("here is no clone of a project; change into one, or make one with: autarch init") from None
        head = repo.read_ref(ORIGIN_LEDGER) or repo.read_ref(LEDGER_REF)
        ledger = Ledger(repo, trust=trust_at(repo, main, "ci"))
        return repo, None, main, ledger.entries(head, known=_recorded(repo, main, head)) if head else (), head
    repo, remote = workspace.repo, workspace.reading_remote()
    main = fetch_main(repo, remote)
    ledger = Ledger(repo, trust=trust_at(repo, main, "ci"), remote=remote)
    head = ledger.sync()
    return repo, remote, main, ledger.entries(head, known=_recorded(repo, main, head)), head


def _recorded(repo: GitRepo, main: str, head: str | None) -> str | None:
    """Return the ledger's head that main's newest merge records, which this one must descend from."""
    return None if head is None else repo.read_commit(main).trailers.get("Ledger-Head")


def _newest(entries: Iterable[Sealed]) -> str:
    """Return the data set of the newest score."""
    named = [s.entry.dataset for s in entries if s.entry.kind == "result" and s.entry.dataset is not None]
    return named[-1].partition("@")[0] if named else ""


def _listed(repo: GitRepo, main: str, entries: Sequence[Sealed]) -> tuple[Listed, ...]:
    from autarch.errors import StrategyError
    from autarch.evidence.board import Listed
    from autarch.evidence.tiers import same_trees
    from autarch.evidence.waiver import parse_waivers, waiver_path
    from autarch.repo.strategies import list_strategies, read_strategy, strategy_tree

    found = []
    for slug in list_strategies(repo, main):
        tree = str(strategy_tree(repo, main, slug))
        try:
            origin = read_strategy(repo, main, slug).manifest.origin
        except StrategyError:  # main's, hence merged by hand: it is listed without what its manifest says
            origin = None
        parent = None if origin is None or origin.parent is None else origin.parent.partition("@")[0]
        content = repo.blob_at(main, waiver_path(slug))
        waivers = () if content is None else parse_waivers(content, path=waiver_path(slug))
        waived = tuple(f"{waiver.check} until {waiver.expires}" for waiver in waivers)
        trees = same_trees(repo, entries, slug=slug, tree=tree)
        found.append(Listed(slug=slug, tree=tree, trees=trees, parent=parent, waived=waived))
    return tuple(found)


def _claims(repo: GitRepo, remote: Remote | None, entries: Iterable[Sealed]) -> dict[str, Claim]:
    """Return the claims behind refusals; the ledger names each by its SHA-256, which is checked."""
    from autarch.errors import DeployError
    from autarch.evidence.attestation import evidence_ref, load_evidence

    named = {s.entry.evidence for s in entries if s.entry.evidence and s.entry.verdict != "accepted"}
    missing = [ref for ref in map(evidence_ref, sorted(named)) if repo.read_ref(ref) is None]
    if missing and remote is not None:
        there = repo.ls_remote(remote, evidence_ref("*"))
        wanted = [f"{ref}:{ref}" for ref in missing if ref in there]
        if wanted:
            repo.fetch(remote, wanted)
    found = {}
    for name in sorted(named):
        try:
            found[name] = load_evidence(repo, name).claim
        except DeployError:
            continue  # not here, or of another version: told without its checks
    return found


def _board_lines(board: Board) -> list[str]:
    variance = "unknown" if board.variance is None else f"{board.variance:.2e} a day"
    counted = f"trials {board.trials} registered, {board.effective} families among the newest {board.compared}"
    columns = (
        f"{'strategy':<24} {'DSR':>6} {'Sharpe on train':>24} {'forward':>16}  {'holdout':<12} {'tier':<4} verdict"
    )
    lines = [
        f"data set {board.dataset or 'none'}  {counted}  V[SR] {variance}  ledger {(board.head or 'none')[:12]}",
        f"  {columns}",
    ]
    for row in board.rows:
        span = "-" if row.sharpe is None else f"{row.sharpe:.2f} [{_number(row.low)}, {_number(row.high)}]"
        forward = f"{row.forward_days} d, e {row.e_value:.3g}" if row.forward_days else "-"
        family = "" if row.family == row.slug else f"  family {row.family}"
        waived = f"  waived {', '.join(row.waived)}" if row.waived else ""
        lines.append(
            f"{'*' if row.is_incumbent else ' '} {row.slug:<24} {_number(row.dsr, 3):>6} {span:>24} {forward:>16}  "
            f"{row.look or '-':<12} {row.tier or '-':<4} {row.verdict or 'not scored'}{family}{waived}"
        )
    lines.append(
        "* on main. DSR: probability that the true ratio beats the best of all tries without edge; it decides nothing."
    )
    return lines


def _rejected_lines(killed: Sequence[Killed], counts: Iterable[tuple[str, int]]) -> list[str]:
    lines = [f"{count:>6}  {check}" for check, count in counts]
    for one in killed:
        about = f"PR {one.pr}" if one.pr is not None else "-"
        lines.append(
            f"{one.seq:>6}  {about:<7} {one.slug or '-':<24} {', '.join(one.checks) or '-'}: {one.why}".rstrip(": ")
        )
    return lines or ["nothing was refused"]


def _number(value: float | None, digits: int = 2) -> str:
    return "-" if value is None else f"{value:.{digits}f}"


def _page(board: Board, killed: Sequence[Killed]) -> str:
    from autarch.cli.main import load
    from autarch.evidence.board import kills

    page: Any = load("ci.page")
    text: str = page.render("leaderboard.html.j2", board=board, killed=killed, kills=kills(killed), number=_number)
    return text
