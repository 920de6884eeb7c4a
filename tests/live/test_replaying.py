"""A run on stored bars, asked in blocks or bar by bar, is one journal, and a replay finds what was changed in it."""

from __future__ import annotations

import dataclasses
import json
import shutil
import sqlite3
from types import SimpleNamespace

import git
import pytest

from autarch.canonical import canonical_json, sha256_hex
from autarch.cli.live_replay import replay_text
from autarch.cli.main import main
from autarch.errors import ConfigError, DataError, DeployError, RefusedError
from autarch.evidence.released import Released, ReleasedStrategy, render_release
from autarch.market.build import build, write_blobs
from autarch.market.lock_toml import lock_toml
from autarch.market.stores import Stores
from autarch.market.synth_dataset import default_spec, synth_recipe
from autarch.repo.git import GitRepo
from autarch.repo.strategies import strategy_tree
from autarch.sandbox.worker import Worker
from autarch.workspace import CONFIG_NAME, Config, ForgeSection, render_config
from live.assembling import market_of
from live.host import Host
from live.installed import SCHEMA, InstalledRecord, install, read_installed, release_content
from live.journal import GENESIS, Journal, event_hash
from live.observing.alerting import alerts_path, read_alerts
from live.observing.drift import drift_of
from live.observing.kept import KeptBars, kept_path
from live.replaying import replay
from live.running import RunOptions, run_release
from live.stopping.latch import FileLatch
from live.stopping.places import Places

from .release_yard import PERSON, PORTFOLIO
from .release_yard import POLICY as LIMITS

POLICY = LIMITS + b'[sandbox]\nrequired = ["seccomp"]\n'

MANIFEST = b"""schema = 1
name = "one_idea"
title = "One idea"
symbols = ["BTCUSDT", "ETHUSDT"]
interval = "2h"
mode = "each"
warmup = 20
max_leverage = 1.0
"""
CODE = b'''"""Follow the last twenty closes.

Thesis: none; a test.
Source: own choice.
Dies when: the test ends.
"""

import numpy as np
import pandas as pd

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Be long above the mean, short below."""
    mean = pd.Series(bars.close).rolling(20).mean().to_numpy()
    return Targets(exposure=np.where(bars.close > mean, 0.5, -0.5), stop_loss=0.02)
'''


def installed_release(host, lock, folder):
    git.Repo.init(folder, bare=True, initial_branch="main").close()
    repo = GitRepo(folder)
    content = {
        "live/portfolio.toml": PORTFOLIO.format(venue="paper").encode(),
        "ci/policy.toml": POLICY,
        "ci/datasets/tiny.toml": lock_toml(lock),
        "strategies/one_idea/manifest.toml": MANIFEST,
        "strategies/one_idea/strategy.py": CODE,
    }
    tree = repo.with_files(None, content)
    commit = repo.commit_tree(tree, parents=[], message="Plant\n", author=PERSON)
    item = ReleasedStrategy(
        account="paper", strategy="one_idea", tree=strategy_tree(repo, commit, "one_idea"), evidence="b" * 64,
        decisions="c" * 64, tier="T1", weight="0.5",
    )  # fmt: skip
    released = Released(
        schema=1, tag="v0.1.0", commit=commit, engine="e" * 64, policy=sha256_hex(POLICY),
        policy_path="ci/policy.toml", dataset=lock.ref, ledger_head="1" * 40, waivers=[], strategies=[item],
    )  # fmt: skip
    header = f"object {commit}\ntype commit\ntag v0.1.0\ntagger {PERSON} 1 +0000\n\n"
    tag = repo.write_tag_object((header + render_release(released)).encode())
    record = InstalledRecord(
        schema=SCHEMA, tag_object=tag, engine="e" * 64, signer="SHA256:x", demo=True, walkthrough=False,
        released=released,
    )  # fmt: skip
    install(host.releases / "v0.1.0", record, release_content(repo, tag))
    return read_installed(host.releases / "v0.1.0")


@pytest.fixture(scope="module")
def traded(tmp_path_factory):
    """A host that has traded 300 stored bars, its stores, and what it traded."""
    root = tmp_path_factory.mktemp("traded")
    built = build(synth_recipe(default_spec(n_bars=4000), name="tiny", shares=(10, 10, 80)))
    stores, host = Stores.under(root / "data"), Host(root=root / "host")
    write_blobs(built, stores)
    installed = installed_release(host, built.lock, root / "repo.git")
    run_release(installed, host, stores, RunOptions())
    return root, installed


@pytest.fixture
def copy(traded, tmp_path):
    shutil.copytree(traded[0], tmp_path / "traded")
    return Host(root=tmp_path / "traded/host"), Stores.under(tmp_path / "traded/data")


@pytest.fixture(scope="module")
def worker():
    with Worker() as started:
        yield started


def told(host):
    with Journal(host.journal_path("paper"), account="paper", read_only=True) as journal:
        return [(event.time_ms, event.kind, event.ref, event.body) for event in journal.events()]


def replayed(host, stores, worker):
    said = []
    with Journal(host.journal_path("paper"), account="paper", read_only=True) as journal:
        found = replay(journal, host, stores, worker=worker, progress=said.append)
    assert said == ["deciding again: one_idea of v0.1.0 on forward"]
    return found


def forge(host, change):
    """Rewrite the journal as somebody with the file would: `change` (seq, kind, body) to a body or None, re-chained."""
    with sqlite3.connect(host.journal_path("paper")) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        rows = database.execute("SELECT seq, time_ms, kind, ref, body FROM events ORDER BY seq").fetchall()
        database.execute("DELETE FROM events")
        head, seq = GENESIS, 0
        for number, time_ms, kind, ref, text in rows:
            body = change(number, kind, json.loads(text))
            if body is not None:
                seq += 1
                content = (seq, time_ms, kind, ref, canonical_json(body).decode())
                digest = event_hash(head, content)
                database.execute("INSERT INTO events VALUES (?, ?, ?, ?, ?, ?, ?)", (*content, head, digest))
                head = digest
    database.close()


def fifth_decision(host):
    return [seq for seq, event in enumerate(told(host), 1) if event[1] == "decision"][4]


def test_asked_in_blocks_or_bar_by_bar_the_journal_says_the_same(traded, copy):
    _, installed = traded
    host, stores = copy
    alone = Host(root=host.root.with_name("alone"))

    run_release(installed, alone, stores, RunOptions(stepwise=True))

    in_blocks, bar_by_bar = told(host), told(alone)
    assert in_blocks[1:] == bar_by_bar[1:]
    assert [events[0][3]["asked"] for events in (in_blocks, bar_by_bar)] == ["blockwise", "stepwise"]
    kinds = [event[1] for event in in_blocks]
    assert kinds.count("decision") > 168  # more than one block of 2 h
    assert kinds.count("intent") > 10


def test_an_untouched_journal_comes_out_again(copy, worker):
    host, stores = copy

    found = replayed(host, stores, worker)

    assert found.first is None
    assert found.decisions == sum(event[1] == "decision" for event in told(host))
    assert replay_text("paper", found.decisions, None).startswith(f"same: all {found.decisions} decisions of paper")


@pytest.mark.parametrize("field", ["symbols", "inputs", "closes"])
def test_a_changed_decision_is_named_though_the_chain_was_made_to_fit(copy, worker, field):
    host, stores = copy
    wanted = fifth_decision(host)
    false = {"symbols": {"BTCUSDT": {"exposure": 0.25, "stop_loss": 0.02, "take_profit": None}}, "inputs": "0" * 64}

    forge(host, lambda seq, _, body: body | {field: false.get(field, {"BTCUSDT": 1})} if seq == wanted else body)

    first = replayed(host, stores, worker).first
    assert (first.event, first.field, first.strategy, first.tag) == (wanted, field, "one_idea", "v0.1.0")
    assert first.recorded != first.found
    assert f"(journal event {wanted}): {field} is recorded" in replay_text("paper", 5, first.to_json())


def test_a_decision_left_out_is_named_by_its_bar(copy, worker):
    host, stores = copy
    wanted = fifth_decision(host)
    bar = told(host)[wanted - 1][3]["bar"]

    forge(host, lambda seq, _, body: None if seq == wanted else body)

    first = replayed(host, stores, worker).first
    assert (first.field, first.bar, first.recorded) == ("decision", bar, None)


def test_a_decision_on_no_bar_of_the_feed_is_named(copy, worker):
    host, stores = copy
    wanted = next(seq for seq, event in enumerate(told(host), 1) if event[1] == "decision")

    forge(host, lambda seq, _, body: body | {"bar": body["bar"] + 1} if seq == wanted else body)

    first = replayed(host, stores, worker).first
    assert (first.event, first.field, first.found) == (wanted, "inputs", None)


def live_feed(host, stores, installed, *, change=lambda market: market):
    """Make the journal one of a live feed, whose bars were kept as they came; `change` is what they became since."""
    forge(host, lambda _, kind, body: body | {"feed": "bybit-public"} if kind == "opened" else body)
    market = market_of(installed, "one_idea", stores, "forward")
    kept = KeptBars(kept_path(host, "paper"))
    kept.begin("one_idea", change(market), seq=1)
    kept.close()


def again(host, stores, worker, **how):
    with Journal(host.journal_path("paper"), account="paper", read_only=True) as journal:
        return replay(journal, host, stores, worker=worker, progress=list, **how)


def test_a_journal_of_a_live_feed_is_decided_again_from_the_bars_that_were_kept(traded, copy, worker):
    host, stores = copy
    live_feed(host, stores, traded[1])

    found = again(host, stores, worker)

    assert (found.first, found.decisions) == (None, sum(event[1] == "decision" for event in told(host)))


def test_a_kept_bar_that_was_changed_since_is_found_by_the_first_decision_that_saw_it(traded, copy, worker):
    host, stores = copy

    def change(market):
        closes = market.series[1].close.copy()
        closes[150] *= 1.000001
        changed = dataclasses.replace(market.series[1], close=closes)
        return dataclasses.replace(market, series=(market.series[0], changed))

    live_feed(host, stores, traded[1], change=change)

    first = again(host, stores, worker).first
    market = market_of(traded[1], "one_idea", stores, "forward")
    assert (first.field, first.bar) == ("inputs", int(market.ts[150]))


def test_only_the_newest_decisions_are_made_again_when_that_is_asked(copy, worker):
    host, stores = copy
    newest = max(event[0] for event in told(host) if event[1] == "decision")
    wanted = fifth_decision(host)
    forge(host, lambda seq, _, body: body | {"inputs": "0" * 64} if seq == wanted else body)

    found = again(host, stores, worker, since_ms=newest - 24 * 3_600_000)

    assert (found.first, found.decisions) == (None, 13)  # bars of 2 h that closed within a day, both ends


def test_bars_that_the_journal_says_were_missed_are_no_difference(copy, worker):
    host, stores = copy
    wanted = fifth_decision(host)
    bar = told(host)[wanted - 1][3]["bar"]
    gone = {"strategy": "one_idea", "first_bar": bar, "last_bar": bar, "reason": "no bars were at hand"}
    with sqlite3.connect(host.journal_path("paper")) as database:
        for (name,) in database.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            database.execute(f"DROP TRIGGER {name}")
        database.execute("UPDATE events SET kind = 'missed' WHERE seq = ?", (wanted,))
    database.close()

    forge(host, lambda seq, _, body: gone if seq == wanted else body)

    assert again(host, stores, worker).first is None


def drift(host, stores, *, metrics=None):
    """Return how the account compares; the evidence holds `metrics`, or is not at hand."""

    def claim_of(_evidence):
        if metrics is None:
            raise ConfigError("no evidence in this clone")
        return SimpleNamespace(metrics={"train": metrics})

    with Journal(host.journal_path("paper"), account="paper", read_only=True) as journal:
        (sleeve,) = drift_of(journal, host, stores, claim_of=claim_of)
    return sleeve, {figure.name: figure for figure in sleeve.figures}


def test_a_run_on_stored_bars_is_its_own_twin_and_without_evidence_nothing_is_promised(copy):
    host, stores = copy

    sleeve, figures = drift(host, stores)

    assert not sleeve.drifts
    assert figures["shortfall_bp"].n > 50
    assert (figures["shortfall_bp"].value, figures["missing_frac"].value, figures["extra_orders"].value) == (0, 0, 0)
    assert figures["equity_apart_frac"].value == 0.0
    assert "the evidence is not at hand" in sleeve.notes[0]
    assert figures["daily_return"].high is None


def test_a_live_feeds_account_is_compared_on_the_bars_that_were_kept_and_with_its_promise(traded, copy):
    host, stores = copy
    live_feed(host, stores, traded[1])
    calm = {"sharpe": 3.0, "volatility": 0.001, "max_drawdown": 0.0001}

    sleeve, figures = drift(host, stores, metrics=calm)

    assert figures["extra_orders"].value == 0.0
    assert figures["drawdown_frac"].drifts
    assert sleeve.drifts
    assert sleeve.notes == ()


def test_orders_that_were_left_out_of_a_journal_are_missing_beside_its_twin(copy):
    host, stores = copy
    links = [event[2] for event in told(host) if event[1] == "intent"]
    gone = set(links[: len(links) * 3 // 4])

    forge(host, lambda _, kind, body: None if kind == "execution" and body["order_link_id"] in gone else body)

    _, figures = drift(host, stores)
    assert figures["missing_frac"].value > 0.5
    assert figures["missing_frac"].drifts


def refusal(host, stores, worker, error):
    with (
        Journal(host.journal_path("paper"), account="paper", read_only=True) as journal,
        pytest.raises(error) as caught,
    ):
        replay(journal, host, stores, worker=worker, progress=list)
    return str(caught.value)


def test_what_cannot_be_replayed_is_said(copy, worker):
    host, stores = copy
    forge(host, lambda _, kind, body: body | {"feed": "bybit"} if kind == "opened" else body)
    assert "no bars of a live feed are kept at" in refusal(host, stores, worker, DataError)
    forge(host, lambda _, kind, body: body | {"feed": "forward"} if kind == "opened" else body | {"strategy": "other"})
    assert "has no strategy other" in refusal(host, stores, worker, DeployError)
    forge(host, lambda _, kind, body: body | {"tag": "v9.9.9"} if kind == "decision" else body)
    assert "v9.9.9 is not installed" in refusal(host, stores, worker, DeployError)
    with sqlite3.connect(host.journal_path("paper")) as database:
        database.execute("UPDATE events SET time_ms = time_ms + 1 WHERE seq = 3")
    database.close()
    assert "event 3 does not continue the chain" in refusal(host, stores, worker, RefusedError)


@pytest.fixture
def workspace(traded, tmp_path, monkeypatch):
    """A workspace whose host has traded; the numeric pin is this process's own affair."""
    root = tmp_path / "workspace"
    git.Repo.init(root, initial_branch="main").close()
    (root / CONFIG_NAME).parent.mkdir(mode=0o700)
    (root / CONFIG_NAME).write_bytes(render_config(Config(schema=1, forge=ForgeSection(repository="local/autarch"))))
    shutil.copytree(traded[0] / "host", root / ".autarch/host")
    monkeypatch.setenv("AUTARCH_WORKSPACE", str(root))
    monkeypatch.setenv("AUTARCH_DATA_FORWARD", str(traded[0] / "data" / "forward"))
    monkeypatch.setattr("autarch.numerics.ensure_pinned", lambda _argv: None)
    return Host(root=root / ".autarch/host")


def test_the_daily_re_gate_passes_an_honest_day_and_halts_where_a_decision_differs(workspace, capsys):
    latch = FileLatch(path=Places(root=workspace.root, account="paper").latch, account="paper")
    assert main(["live", "replay", "--since", "24", "--halt", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"same": True, "account": "paper", "decisions": 13, "differs": None}
    assert latch.read().blocks("BTCUSDT") is None
    last = max(seq for seq, event in enumerate(told(workspace), 1) if event[1] == "decision")
    forge(workspace, lambda seq, _, body: body | {"inputs": "0" * 64} if seq == last else body)

    assert main(["live", "replay", "--since", "24", "--halt"]) == 1

    said = capsys.readouterr().out
    assert said.startswith("DIFFERS: one_idea of v0.1.0")
    assert said.strip() in latch.read().blocks("BTCUSDT")
    (alert,) = read_alerts(alerts_path(workspace, "paper"))
    assert (alert.severity, alert.subject) == ("critical", "decisions differ")


def test_drift_is_told_by_the_command_line(workspace, capsys):
    assert main(["live", "drift", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["account"], found["drifts"]) == ("paper", False)
    assert "not at hand" in found["sleeves"][0]["notes"][0]
    assert workspace.releases.is_dir()
