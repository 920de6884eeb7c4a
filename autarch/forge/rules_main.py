"""Main moves only by a merge that CI's signed checks, and for a platform change a human, have approved."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from autarch.canonical import Sha256, parse_toml, sha256_hex
from autarch.forge import checks, pulls
from autarch.forge.checks import CI_SIGNERS, CheckRecord
from autarch.forge.rules import LEDGER, Move, Rulebook, need_role, refuse
from autarch.forge.rules_waivers import judge_waived, judge_waiver_files
from autarch.repo.objects import Commit, format_message
from autarch.repo.signing import SignatureError
from autarch.repo.strategies import classify, strategy_tree
from autarch.verdict import LAWS

NONE = "none"
"""Value of a trailer that has nothing to name."""

TRAILERS = ("Pull-Request", "Head", "Base", "Evidence", "Ledger-Head", "Merged-By", "Policy")
_WAIT = "wait for the gate (`autarch pr wait`), or push a head that passes"


@dataclass(frozen=True, slots=True, kw_only=True)
class Approval:
    """What a head is allowed to reach main with. `evidence` is None for platform changes and removals."""

    number: int
    base: str
    head: str
    kind: Literal["strategy", "platform"]
    tree: str
    evidence: str | None
    ledger: str
    policy: Sha256


@dataclass(frozen=True, slots=True, kw_only=True)
class RequiredChecks:
    """Names a policy requires, and the digest of its bytes."""

    strategy: tuple[str, ...]
    platform: tuple[str, ...]
    digest: Sha256

    def of(self, kind: str) -> tuple[str, ...]:
        """Return the names for one kind of pull request."""
        return self.strategy if kind == "strategy" else self.platform


def judge_main(book: Rulebook, move: Move) -> None:
    """Refuse unless `move` is exactly the approved merge of one pull request into main.

    Raises:
        RuleRefusedError: which rule, why, and the cure.
    """
    need_role(book, ("human",), "main")
    if move.new is None:
        raise refuse("main-delete", "main is what is approved; it is never deleted", "close pull requests instead")
    if move.old is None:
        raise refuse("main-exists", "main is made with the forge, never by a push", "run: autarch init")
    commit = _merge_commit(book, move.old, move.new)
    number = _pull_number(commit)
    approval = judge_head(book, base=move.old, head=commit.parents[1], number=number)
    if commit.tree != approval.tree:
        why = f"the merge holds tree {commit.tree[:12]}, merging gives {approval.tree[:12]}"
        raise refuse("evil-merge", why, "let the forge merge: autarch pr merge")
    _need_message(book, commit, approval)


def judge_head(book: Rulebook, *, base: str, head: str, number: int) -> Approval:
    """Return what pull request `number` may be merged with when main is `base` and its head `head`.

    Raises:
        RuleRefusedError: it may not be merged.
    """
    pull = _pull_record(book, number)
    if pull.state != "open" or pull.head != head:
        why = f"pull request {number} is {pull.state} at {pull.head[:12]}, the merge takes {head[:12]}"
        raise refuse("pull-request", why, "merge the present head of an open pull request")
    merged = book.repo.merge_tree(base, head)
    if merged.tree is None:
        why = f"merging conflicts in {', '.join(merged.conflicts[:3])}"
        raise refuse("conflict", why, "merge main into the branch, resolve, and push")
    required = read_required(book, base)
    change = classify(book.repo, base=base, head=head)
    if change.kind not in {"strategy", "platform"}:
        raise refuse("kind", " ".join(change.problems), "make one pull request for each kind")
    if change.problems:
        raise refuse("up-to-date", " ".join(change.problems), "push a branch that passes the check scope")
    judge_waiver_files(book, pull, head=head, paths=change.paths)
    kind: Literal["strategy", "platform"] = "strategy" if change.kind == "strategy" else "platform"
    records = _required_records(book, base=base, head=head, names=required.of(kind), policy=required.digest)
    tree = strategy_tree(book.repo, head, change.slug) if change.slug is not None else None
    for record in records:
        if (record.kind, record.strategy, record.tree) != (kind, change.slug, tree):
            why = f"check {record.name} speaks of {record.kind} {record.strategy}, the diff is {kind} {change.slug}"
            raise refuse("required-checks", f"{why}, or of another tree", _WAIT)
        if record.verdict == "waived":
            judge_waived(book, record, base=base)
    if kind == "platform" and not pull.approved_at(head):
        why = f"a platform change needs a human's approval of {head[:12]}, and has none"
        raise refuse("approval", why, f"read it, then: autarch pr merge {number} --approve")
    evidence = _one_evidence(book, records)
    return Approval(
        number=number,
        base=base,
        head=head,
        kind=kind,
        tree=merged.tree,
        evidence=evidence,
        ledger=_ledger_head(book, base),
        policy=required.digest,
    )


def merge_message(approval: Approval, *, title: str, login: str) -> str:
    """Return the message of the merge commit; its trailers are what `judge_main` expects."""
    trailers = _expected_trailers(approval, login=login) | {"Ledger-Head": approval.ledger}
    ordered = {key: trailers[key] for key in TRAILERS}
    return format_message(f"Merge pull request {approval.number}: {title}", trailers=ordered)


def read_required(book: Rulebook, commit: str) -> RequiredChecks:
    """Return what the policy on `commit` requires.

    Raises:
        RuleRefusedError: it has no policy there, or one that names no required checks.
    """
    content = book.repo.blob_at(commit, book.policy_path)
    fix = f"put a policy at {book.policy_path}, or serve with --policy"
    if content is None:
        raise refuse("policy", f"main holds no {book.policy_path}", fix)
    try:
        required = parse_toml(content)["required"]
        names = {kind: tuple(str(name) for name in required[kind]) for kind in ("strategy", "platform")}
    except (ValueError, KeyError, TypeError) as error:
        raise refuse("policy", f"{book.policy_path} on main names no required checks: {error!r}", fix) from error
    if not names["strategy"] or not names["platform"]:
        raise refuse("policy", f"{book.policy_path} on main requires nothing", fix)
    return RequiredChecks(strategy=names["strategy"], platform=names["platform"], digest=sha256_hex(content))


def _merge_commit(book: Rulebook, old: str, new: str) -> Commit:
    commit = book.repo.read_commit(new)
    if not book.repo.is_ancestor(old, new):
        if len(commit.parents) == 2 and book.repo.is_ancestor(commit.parents[0], old):
            why = f"the merge was made on {commit.parents[0][:12]}, main is at {old[:12]}"
            raise refuse("up-to-date", why, "let the gate judge it against the new main, then merge again")
        raise refuse("non-fast-forward", "main's history is never rewritten", "revert by a new pull request")
    if len(commit.parents) != 2 or commit.parents[0] != old:
        why = f"{new[:12]} is not a merge of one head into {old[:12]}"
        raise refuse("merge-only", why, "push a branch, open a pull request, and merge that")
    return commit


def _pull_number(commit: Commit) -> int:
    number = commit.trailers.get("Pull-Request", "")
    if not number.isascii() or not number.isdigit() or len(number) > 9:
        raise refuse("merge-message", "the merge names no pull request", "let the forge merge: autarch pr merge")
    return int(number)


def _pull_record(book: Rulebook, number: int) -> pulls.PullRecord:
    tip = book.repo.read_ref(f"{pulls.PREFIX}{number}")
    content = book.repo.blob_at(tip, pulls.FILE) if tip is not None else None
    if content is None:
        raise refuse("pull-request", f"there is no pull request {number}", "open one")
    return pulls.parse_record(content)


def _required_records(
    book: Rulebook, *, base: str, head: str, names: tuple[str, ...], policy: str
) -> tuple[CheckRecord, ...]:
    signers = book.signers(CI_SIGNERS)
    stored = book.repo.refs(f"{checks.PREFIX}{head}/{base}/")
    records: list[CheckRecord] = []
    problems: list[str] = []
    for name in names:
        oid = stored.get(checks.check_ref(head=head, base=base, name=name))
        problem, record = ("missing", None) if oid is None else _opened(book, oid, signers)
        if record is not None:
            problem = _problem_of(record, head=head, base=base, name=name, policy=policy)
            records.append(record)
        if problem:
            problems.append(f"{name}={problem}")
    if problems:
        raise refuse("required-checks", f"{head[:10]} on {base[:10]}: {', '.join(problems)}", _WAIT)
    return tuple(records)


def _opened(book: Rulebook, oid: str, signers: bytes) -> tuple[str, CheckRecord | None]:
    try:
        return "", checks.open_check(book.repo.cat_blob(oid), signers=signers)
    except SignatureError:
        return "bad-signature", None


def _problem_of(record: CheckRecord, *, head: str, base: str, name: str, policy: str) -> str:
    if (record.head, record.base, record.name) != (head, base, name):
        return "wrong-subject"
    if record.policy != policy:
        return "other-policy"
    if record.verdict == "waived" and (record.klass != "limit" or record.name in LAWS):
        return "law-waived"
    return "" if record.verdict in {"passed", "waived"} else record.verdict


def _one_evidence(book: Rulebook, records: tuple[CheckRecord, ...]) -> str | None:
    named = sorted({record.evidence for record in records if record.evidence is not None})
    if not named:
        return None
    if len(named) > 1 or any(record.evidence is None for record in records):
        raise refuse("evidence", f"the checks name {len(named)} claims, or some none; expected one for all", _WAIT)
    if book.repo.read_ref(f"refs/autarch/evidence/{named[0]}") is None:
        raise refuse("evidence", f"evidence {named[0][:12]} is not in the forge", "let CI publish it")
    return named[0]


def _ledger_head(book: Rulebook, base: str) -> str:
    tip = book.repo.read_ref(LEDGER)
    if tip is None:
        raise refuse("ledger", "the forge has no ledger, so nothing counts attempts", _RESTORE)
    last = _last_ledger_head(book, base)
    if last is not None and not book.repo.is_ancestor(last, tip):
        raise refuse("ledger", f"the ledger does not descend from {last[:12]}, which main records", _RESTORE)
    return tip


def _last_ledger_head(book: Rulebook, base: str) -> str | None:
    return book.repo.read_commit(base).trailers.get("Ledger-Head")


_RESTORE = "restore autarch/ledger from a backup or another clone"


def _need_message(book: Rulebook, commit: Commit, approval: Approval) -> None:
    found = commit.trailers
    lines = commit.message.rstrip("\n").rpartition("\n\n")[2].splitlines()
    if len(lines) != len(found) or sorted(found) != sorted(TRAILERS):
        raise refuse("merge-message", f"expected the trailers {', '.join(TRAILERS)}, each once", _LET_FORGE)
    for key, value in _expected_trailers(approval, login=book.pusher.login).items():
        if found[key] != value:
            raise refuse("merge-message", f"trailer {key} is {found[key]!r}, expected {value!r}", _LET_FORGE)
    _need_ledger_trailer(book, found["Ledger-Head"], approval)


_LET_FORGE = "let the forge write the merge: autarch pr merge"


def _expected_trailers(approval: Approval, *, login: str) -> dict[str, str]:
    return {
        "Pull-Request": str(approval.number),
        "Head": approval.head,
        "Base": approval.base,
        "Evidence": approval.evidence or NONE,
        "Merged-By": login,
        "Policy": approval.policy,
    }


def _need_ledger_trailer(book: Rulebook, named: str, approval: Approval) -> None:
    if named == approval.ledger:
        return
    last = _last_ledger_head(book, approval.base)
    older = (
        approval.ledger != NONE and book.repo.resolve(named) == named and book.repo.is_ancestor(named, approval.ledger)
    )
    if not older or (last is not None and not book.repo.is_ancestor(last, named)):
        why = f"Ledger-Head {named[:12]} is not between main's last ({(last or NONE)[:12]}) and the ledger's tip"
        raise refuse("ledger", why, _LET_FORGE)
