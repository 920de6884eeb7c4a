"""Pages that only read: queue, pull request, comparison, leaderboard, family, ledger, releases, live, why."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import FileResponse, HTMLResponse, JSONResponse, Response

from autarch.desk import journal
from autarch.desk.family import family
from autarch.desk.rendering import page
from autarch.desk.room import Room
from autarch.desk.sessions import Session
from autarch.errors import AutarchError, UsageError

STRATEGY: Final = re.compile(r"[a-z][a-z0-9_]{2,39}(@[A-Za-z0-9][\w./-]{0,99})?\Z", re.ASCII)
JOB: Final = re.compile(r"(report|compare)-[0-9a-zA-Z_.-]{1,180}\Z", re.ASCII)
ACCOUNT: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}\Z", re.ASCII)
QUESTION: Final = re.compile(r"[A-Za-z0-9][\w@:.+-]{0,127}\Z", re.ASCII)
UNKNOWN: Final[Mapping[str, Any]] = {
    "state": "unknown", "reason": "", "tag": None, "next_tag": None, "running": None, "account_equity": None,
    "day_change": None, "drawdown_frac": None, "positions": {}, "holdings": {}, "orders": [], "alerts": [], "latch": {},
}  # fmt: skip
"""What an account's page shows of whatever its status does not tell."""
LEDGER_SHOWN: Final = 300
LABELS: Final[Mapping[str, str]] = {
    "slug": "strategy", "is_incumbent": "on main", "pr": "pull request", "look": "holdout", "sharpe": "Sharpe on train",
    "low": "95 % from", "high": "to", "dsr": "DSR", "days": "days of train", "forward_days": "forward days",
    "e_value": "forward e", "seq": "entry", "trials": "trials registered", "effective": "families of tries",
    "compared": "among the newest", "variance": "V[SR] a day", "head": "ledger at", "dataset": "data set",
}  # fmt: skip
"""What the leaderboard calls a field; any other is called by its name."""
REPORT_POLICY: Final = "sandbox allow-scripts; frame-ancestors 'self'"
"""A report is another's page: it may draw, and knows neither our cookie nor our pages."""


def queue(room: Room, request: Request, session: Session) -> Response:
    """Return what waits for the user."""
    rows = room.forge.rows()
    wanted = request.query_params.get("verdict", "")
    shown = [row for row in rows if not wanted or row.verdict == wanted]
    words = sorted({row.verdict for row in rows})
    return page(
        "queue", session, title="Queue", rows=shown, total=len(rows), words=words, wanted=wanted, now=room.wall()
    )


def pull(room: Room, request: Request, session: Session, *, asked: Mapping[str, str] | None = None) -> Response:
    """Return one pull request; `asked` is a deed that waits for its code."""
    found = room.forge.detail(_number(request))
    return page(
        "pull",
        session,
        title=f"Pull request {found.pull.number}",
        found=found,
        has_report=room.forge.report_file(found.pull) is not None,
        log=room.forge.log_tail(found.pull) if found.verdict in {"running", "undecided"} else "",
        asked=asked,
    )


def report(room: Room, request: Request, session: Session) -> Response:
    """Return the report of a pull request: the gate's own, else one that is made now."""
    found = room.forge.detail(_number(request)).pull
    name = f"report-{found.head_sha}"
    file = room.forge.report_file(found) or room.jobs.made(name)
    if file is not None:
        return FileResponse(file, media_type="text/html", headers={"content-security-policy": REPORT_POLICY})
    begun = room.jobs.begin(name, lambda path: room.commands.report(found.number, path))
    return _making(session, name, "the report", begun=begun)


def compare(room: Room, request: Request, session: Session) -> Response:
    """Return two strategies side by side, or the form that asks which."""
    one, other = (request.query_params.get(name, "").strip() for name in ("a", "b"))
    if not one and not other:
        members = family(room.forge.repo(), main) if (main := room.forge.main()) else ()
        return page("compare", session, title="Compare", slugs=[m.slug for m in members if m.on_main])
    for name in (one, other):
        if not STRATEGY.match(name):
            raise UsageError(f"found {name!r}; expected a strategy's slug, or slug@commit")
    name = f"compare-{one}-{other}-{(room.forge.main() or '')[:12]}".replace("@", ".").replace("/", "_")
    if (file := room.jobs.made(name)) is not None:
        return FileResponse(file, media_type="text/html", headers={"content-security-policy": REPORT_POLICY})
    begun = room.jobs.begin(name, lambda path: room.commands.compare(one, other, path))
    return _making(session, name, f"{one} beside {other}", begun=begun)


def job(room: Room, request: Request, _session: Session) -> Response:
    """Return the state of a job."""
    name = str(request.path_params["name"])
    if not JOB.match(name):
        raise UsageError(f"found {name!r}; expected the name of a job")
    return JSONResponse({"state": room.jobs.state(name)})


def leaderboard(room: Room, _request: Request, session: Session) -> Response:
    """Return what strategies earned, and what was rejected and why."""
    return page("leaderboard", session, title="Leaderboard", board=tabled(room.commands.leaderboard()))


def family_page(room: Room, _request: Request, session: Session) -> Response:
    """Return the tree of strategies."""
    main = room.forge.main()
    members = () if main is None else family(room.forge.repo(), main)
    return page("family", session, title="Family", members=members, now=room.wall())


def ledger(room: Room, _request: Request, session: Session) -> Response:
    """Return the newest entries of the ledger and what is left to spend."""
    found = room.commands.ledger()
    entries = [entry for entry in found.get("entries", ()) if isinstance(entry, dict)][::-1]
    return page("ledger", session, title="Ledger", found=found, entries=entries[:LEDGER_SHOWN], total=len(entries))


def releases(room: Room, _request: Request, session: Session) -> Response:
    """Return every release, newest first, with the accounts that trade it or will."""
    repo = room.forge.repo()
    tags = []
    for ref, oid in repo.refs("refs/tags/").items():
        name = ref.rpartition("/")[2]
        if name.startswith("v") and repo.kind_of(oid) == "tag":
            tag = repo.read_tag(oid)
            tags.append({"name": name, "text": tag.message, "time_s": tag.tagger.when_s})
    accounts = accounts_in(room.live.newest())
    tags.sort(key=lambda tag: (tag["time_s"], tag["name"]), reverse=True)
    return page("releases", session, title="Releases", tags=tags, accounts=accounts, now=room.wall())


def live(room: Room, _request: Request, session: Session) -> Response:
    """Return how every account stands."""
    found = room.live.newest()
    return page("live", session, title="Live", accounts=accounts_in(found), problem=found.get("problem", ""))


def account(room: Room, request: Request, session: Session, *, asked: bool = False) -> Response:
    """Return one account: state, positions, orders, fills, equity beside its twin and bands, alerts."""
    name = account_name(request)
    found = room.live.newest()
    stands = next((one for one in accounts_in(found) if one.get("account") == name), None)
    problem, past = str(found.get("problem", "")), None
    try:
        past = journal.history(room.host_folder / "journal" / f"{name}.sqlite3")
    except AutarchError as error:
        problem = str(error)
    return page(
        "account",
        session,
        title=f"Account {name}",
        name=name,
        stands=stands,
        problem=problem,
        past=past,
        drift=room.commands.drift(name),
        asked=asked,
        points=[] if past is None else [list(point) for point in past.equity],
    )


def why(room: Room, request: Request, session: Session) -> Response:
    """Return the chain that led to a fill."""
    name, question = account_name(request), str(request.path_params["question"])
    if not QUESTION.match(question):
        raise UsageError(f"found {question!r}; expected the id of a fill or an order, or symbol@time")
    found = room.commands.why(question, name)
    return page("why", session, title="Why", name=name, question=question, facts=facts(found))


def accounts_in(found: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the accounts of `live status --json`, whose object is the account itself where there is one."""
    many = found.get("accounts")
    accounts = many if isinstance(many, list) else [found] if "account" in found else []
    return [{**UNKNOWN, **one} for one in accounts if isinstance(one, Mapping)]


def facts(found: object, prefix: str = "") -> list[tuple[str, str]]:
    """Return an object of any shape as (path, value), in its own order, as deep as it goes."""
    if isinstance(found, Mapping):
        return [row for key, value in found.items() for row in facts(value, f"{prefix} {key}".strip())]
    if isinstance(found, list):
        return [row for at, value in enumerate(found, start=1) for row in facts(value, f"{prefix} {at}".strip())]
    return [] if found is None else [(prefix, str(found))]


def tabled(found: Mapping[str, Any]) -> dict[str, Any]:
    """Return an answer as what can be shown of any shape: tables of lists of objects, and single facts."""
    tables, single = [], {}
    for key, value in found.items():
        rows = [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []
        if rows:
            columns = list(dict.fromkeys(name for row in rows for name in row))
            tables.append(
                {
                    "name": key,
                    "columns": [LABELS.get(c, c) for c in columns],
                    "rows": [[_cell(row.get(c)) for c in columns] for row in rows],
                }
            )
        elif not isinstance(value, list):
            single[LABELS.get(key, key)] = _cell(value)
    return {"tables": tables, "single": single}


def _cell(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else ""
    if isinstance(value, list | tuple):
        return ", ".join(map(_cell, value))
    if isinstance(value, float):
        return f"{value:,.4g}"
    return "" if value is None else str(value)


def _making(session: Session, name: str, what: str, *, begun: bool) -> HTMLResponse:
    return page("making", session, title="One moment", name=name, what=what, begun=begun, status=202)


def _number(request: Request) -> int:
    return int(request.path_params["number"])


def account_name(request: Request) -> str:
    """Return the account in a path.

    Raises:
        UsageError: it is no account's name.
    """
    name = str(request.path_params["account"])
    if not ACCOUNT.match(name):
        raise UsageError(f"found account {name!r}; expected letters, digits, _ and -")
    return name
