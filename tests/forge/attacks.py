"""What somebody with an agent's token may try against the forge, and what says no: each is tried for real.

`python -m benchmarks security --only forge` writes the table of docs/security.md from these.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import httpx

from autarch.evidence.ledger import LEDGER_REF
from autarch.forge.checks import sign_check
from autarch.forge.client import ForgeRefusedError
from autarch.forge.wire import LOCAL_REPOSITORY
from autarch.repo import signing
from autarch.repo.signers import trust_at
from autarch.repo.signing import SignatureError

from .conftest import MAIN, PERSON, Yard, merge_commit, plain_git, ready

WORKFLOW = ".github/workflows/gate.yml"
SKIP_HOOK = "--receive-pack=git -c core.hooksPath=/dev/null receive-pack"


class HoleError(AssertionError):
    """The attack did what it wanted."""


@dataclass(frozen=True)
class Attack:
    """One attempt. `run` returns what it was told, and raises `HoleError` when nothing stopped it."""

    name: str
    by: str
    wall: str
    github: str
    run: Callable[[Yard], str]


def _pushed(yard: Yard, login: str, spec: str, *options: str) -> str:
    """Push, and return the rule that refused it; nothing may have moved."""
    before = yard.bare.refs("refs/")
    code, said = yard.push(login, spec, *options)
    if code == 0 or yard.bare.refs("refs/") != before:
        raise HoleError(said)
    return next(line.partition("rule:")[2].strip() for line in said.splitlines() if "rule:" in line)


def _asked(call: Callable[[], object]) -> str:
    """Ask over REST, and return the status with the words that refused it."""
    try:
        call()
    except ForgeRefusedError as error:
        return f"{error.status} {error.message.partition(';')[0].partition(':')[0]}"
    raise HoleError("it was granted")


def _raw(yard: Yard, login: str, method: str, path: str, body: object) -> str:
    headers = {"Authorization": f"Bearer {yard.tokens[login]}"}
    with httpx.Client(base_url=yard.url, headers=headers, trust_env=False) as http:
        answer = http.request(method, f"/repos/{LOCAL_REPOSITORY}{path}", json=body)
    if answer.is_success:
        raise HoleError(answer.text)
    return f"{answer.status_code} {answer.reason_phrase}"


def _status(yard: Yard) -> str:
    head, _ = ready(yard)
    return _asked(lambda: yard.client("agent").set_status(head, context="autarch/gate", state="success"))


def _check_run(yard: Yard) -> str:
    head = yard.propose(yard.strategy()).head_sha
    agent = yard.client("agent")
    return _asked(lambda: agent.create_check_run(name="autarch/gate", head_sha=head, conclusion="success"))


def _green_by_status(yard: Yard) -> str:
    pull = yard.propose(yard.strategy())
    yard.client("ci").set_status(pull.head_sha, context="autarch/gate", state="success")
    yard.client("ci").create_check_run(name="autarch/backtest", head_sha=pull.head_sha, conclusion="success")
    return _asked(lambda: yard.client("human").merge_pull(pull.number, sha=pull.head_sha))


def _record(yard: Yard) -> str:
    head = yard.propose(yard.strategy()).head_sha
    record = yard.record(head, "backtest")
    blob = yard.clone.write_blob(sign_check(record, key=yard.keys.stranger))
    return _pushed(yard, "agent", f"{blob}:{record.ref}")


def _record_by_ci_token(yard: Yard) -> str:
    head = yard.propose(yard.strategy()).head_sha
    record = yard.record(head, "backtest")
    blob = yard.clone.write_blob(sign_check(record, key=yard.keys.stranger))
    return _pushed(yard, "ci", f"{blob}:{record.ref}")


def _record_of_another(yard: Yard) -> str:
    good = yard.propose(yard.strategy()).head_sha
    bad = yard.propose(yard.strategy("evil"), branch="agent/tuner/evil-1").head_sha
    record = yard.record(good, "backtest")
    blob = yard.clone.write_blob(sign_check(record, key=yard.keys.ci))
    return _pushed(yard, "ci", f"{blob}:{yard.record(bad, 'backtest', slug='evil').ref}")


def _push_main(yard: Yard) -> str:
    head, number = ready(yard)
    return _pushed(yard, "agent", f"{merge_commit(yard, head, number)}:{MAIN}")


def _evil_merge(yard: Yard) -> str:
    head, number = ready(yard)
    good = yard.clone.merge_tree(yard.main, head).tree
    evil = yard.clone.with_files(good, {"autarch/engine.py": b"evil\n"})
    return _pushed(yard, "human", f"{merge_commit(yard, head, number, tree=evil)}:{MAIN}")


def _force_main(yard: Yard) -> str:
    root = yard.clone.commit_tree(yard.clone.tree_of(yard.main), parents=[], message="New\n", author=PERSON)
    return _pushed(yard, "human", f"{root}:{MAIN}", "--force")


def _force_by_rest(yard: Yard) -> str:
    head = yard.propose(yard.strategy()).head_sha
    return _asked(lambda: yard.client("agent").move_ref("heads/main", head, force=True))


def _new_head_after_green(yard: Yard) -> str:
    _, number = ready(yard)
    evil = yard.strategy(code=b'"""Other code."""\n')
    yard.push("agent", f"{evil}:refs/heads/agent/tuner/ema_trend-1", "--force")
    return _asked(lambda: yard.client("human").merge_pull(number, sha=evil))


def _new_head_while_reading(yard: Yard) -> str:
    head, number = ready(yard)
    yard.push("agent", f"{yard.strategy(code=b'pass')}:refs/heads/agent/tuner/ema_trend-1", "--force")
    return _asked(lambda: yard.client("human").merge_pull(number, sha=head))


def _own_merge(yard: Yard) -> str:
    head, number = ready(yard)
    return _asked(lambda: yard.client("agent").merge_pull(number, sha=head))


def _own_approval(yard: Yard) -> str:
    head, number = ready(yard)
    return _asked(lambda: yard.client("agent").review(number, event="APPROVE", commit=head))


def _make_tag(yard: Yard) -> str:
    return _pushed(yard, "agent", f"{yard.main}:refs/tags/v9.9.9")


def _move_tag(yard: Yard) -> str:
    yard.bare.update_ref("refs/tags/v1.0.0", yard.main, old=None)
    return _pushed(yard, "human", f"{yard.strategy()}:refs/tags/v1.0.0", "--force")


def _unsigned_tag(yard: Yard) -> str:
    text = f"object {yard.main}\ntype commit\ntag v9.9.9\ntagger A <a@a.invalid> 1700000000 +0000\n\nRelease\n"
    return _pushed(yard, "human", f"{yard.clone.write_tag_object(text.encode())}:refs/tags/v9.9.9")


def _workflow(yard: Yard) -> str:
    head = yard.commit({WORKFLOW: b"on: push\n"})
    pull = yard.propose(head, branch="agent/tuner/workflow-1")
    yard.approve_checks(head, slug=None)
    return _asked(lambda: yard.client("human").merge_pull(pull.number, sha=head))


def _mixed(yard: Yard) -> str:
    head = yard.commit({"ci/gate.py": b"accept\n"}, parent=yard.strategy())
    pull = yard.propose(head, branch="agent/tuner/mixed-1")
    yard.approve_checks(head)
    return _asked(lambda: yard.client("human").merge_pull(pull.number, sha=head))


def _waiver(yard: Yard) -> str:
    head = yard.commit({"ci/waivers/ema_trend.toml": b""}, parent=yard.strategy())
    return _pushed(yard, "agent", f"{head}:refs/heads/agent/tuner/waiver-1")


def _ledger_delete(yard: Yard) -> str:
    return _pushed(yard, "agent", f":{LEDGER_REF}")


def _ledger_reset(yard: Yard) -> str:
    begun = yard.ledger
    yard.append_ledger()
    yard.fetch()
    return _pushed(yard, "ci", f"{begun}:{LEDGER_REF}", "--force")


def _ledger_forged(yard: Yard) -> str:
    try:
        yard.append_ledger(key=yard.keys.stranger)
    except Exception as error:  # noqa: BLE001  whichever layer refuses, its words are looked at
        return next(line.partition("rule:")[2].strip() for line in str(error).splitlines() if "rule:" in line)
    raise HoleError("the entry was taken")


def _others_branch(yard: Yard) -> str:
    yard.push("rival", f"{yard.strategy('rival_one')}:refs/heads/agent/rival/one-1")
    return _pushed(yard, "tuner", f"{yard.strategy('tuner_one')}:refs/heads/agent/rival/one-1", "--force")


def _records_of_the_forge(yard: Yard) -> str:
    head = yard.propose(yard.strategy()).head_sha
    blob = yard.clone.write_blob(b"[]")
    return _pushed(yard, "agent", f"{blob}:refs/autarch/check-runs/{head}")


def _rules_by_rest(yard: Yard) -> str:
    return _raw(yard, "agent", "POST", "/rulesets", {"name": "mine", "enforcement": "disabled"})


def _release_file(yard: Yard) -> str:
    return _asked(lambda: yard.client("agent").create_release("v1.0.0", title="mine", body=""))


def _hook_over_http(yard: Yard) -> str:
    head, number = ready(yard)
    return _pushed(yard, "agent", f"{merge_commit(yard, head, number)}:{MAIN}", SKIP_HOOK)


def _hook_over_path(yard: Yard) -> str:
    """Who may write the forge's files moves any reference; what is moved so carries nobody's signature."""
    text = f"object {yard.main}\ntype commit\ntag v9.9.9\ntagger A <a@a.invalid> 1700000000 +0000\n\nRelease\n"
    oid = yard.clone.write_tag_object(text.encode())
    code, said = plain_git("push", SKIP_HOOK, str(yard.bare.path), f"{oid}:refs/tags/v9.9.9", cwd=yard.clone.path)
    assert code == 0, said
    try:
        signing.verify_tag(yard.bare, "refs/tags/v9.9.9", trust=trust_at(yard.bare, yard.main, "release"), oid=oid)
    except SignatureError as error:
        return f"moved, and then: {str(error).partition(';')[0][:60]}"
    raise HoleError("an unsigned tag verifies")


_MAIN, _MERGE, _TAGS = "ruleset autarch main", "ruleset autarch merge", "ruleset autarch tags"
_SOURCE = "required check's source App"
_DEPLOYER = "nothing there; the deployer"
ATTACKS = (
    Attack("set a green status on its own head", "agent", "REST", _SOURCE, _status),
    Attack("write a green check run", "agent", "REST", "App permission", _check_run),
    Attack("merge on statuses and runs alone", "ci token", "merge", _SOURCE, _green_by_status),
    Attack("push a check record of its own", "agent", "hook", "signature", _record),
    Attack("the same with CI's token, not its key", "ci token", "hook", "signature", _record_by_ci_token),
    Attack("move a good head's record to a bad one", "ci token", "hook", "signature", _record_of_another),
    Attack("push a merge to main", "agent", "hook", _MAIN, _push_main),
    Attack("merge another tree than was judged", "human token", "hook", _MAIN, _evil_merge),
    Attack("force main to another history", "human token", "hook", _MAIN, _force_main),
    Attack("force main by the refs API", "agent", "REST", _MAIN, _force_by_rest),
    Attack("push other code after the verdict", "agent", "merge", _MAIN, _new_head_after_green),
    Attack("push other code while a human reads", "agent", "merge", "sha of the merge", _new_head_while_reading),
    Attack("merge its own pull request", "agent", "REST", _MERGE, _own_merge),
    Attack("approve its own pull request", "agent", "REST", "own reviews do not count", _own_approval),
    Attack("make a release tag", "agent", "hook", "ruleset autarch release", _make_tag),
    Attack("move a release tag", "human token", "hook", _TAGS, _move_tag),
    Attack("make an unsigned release tag", "human token", "hook", _DEPLOYER, _unsigned_tag),
    Attack("change a workflow", "agent", "merge", "App permission, CODEOWNERS", _workflow),
    Attack("mix a strategy with the platform", "agent", "merge", "check scope", _mixed),
    Attack("waive its own limit", "agent", "hook", "check scope", _waiver),
    Attack("delete the ledger", "agent", "hook", "ruleset autarch ledger", _ledger_delete),
    Attack("set the ledger back", "ci token", "hook", "ruleset autarch ledger", _ledger_reset),
    Attack("append an entry that CI did not sign", "ci token", "hook", "signature", _ledger_forged),
    Attack("push to another agent's branch", "agent", "hook", "one App for all agents: nothing", _others_branch),
    Attack("write the forge's own records", "agent", "hook", "signature", _records_of_the_forge),
    Attack("switch a rule off", "agent", "REST", "App permission", _rules_by_rest),
    Attack("publish a release", "agent", "REST", _DEPLOYER, _release_file),
    Attack("name another hook path over HTTP", "agent", "hook", "no hooks of ours", _hook_over_http),
    Attack("name another hook path over a path", "who may write the files", "signature", "no paths", _hook_over_path),
)
