"""One word leaves the hidden bars: the lane where it holds on each of them, else that there is none, and no more."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import msgspec
import numpy as np
import pytest

from autarch.decisions import Decisions
from autarch.evaluation import decide_blocks
from autarch.evidence.claim import Claim
from autarch.evidence.ledger import Ledger
from autarch.evidence.ledger_entry import LedgerEntry
from autarch.market.load import load_market
from autarch.repo import signing
from autarch.repo.git import GitRepo
from autarch.repo.signers import signers_file
from autarch.verdict import LAWS, CheckResult
from ci.candidate import Incumbent
from ci.concluding import conclude
from ci.context import GateInputs
from ci.counting import counted_at
from ci.inputs import counted_in
from ci.outcome import GateOutcome
from ci.policy_tables import LanesPolicy
from ci.publish_hidden import HiddenDesk, in_lane
from ci.rederive import Sources, quoted
from ci.report_text import terminal
from ci.vault.lane import ANSWER_S, hidden_word
from ci.vault.opening import Vault

GAP = "    gap = talib.EMA(bars.close, 10) - talib.EMA(bars.close, 40)\n"
MAIN = f"{GAP}    return Targets(exposure=np.where(gap > 0, 0.5, -0.5))\n"
REFACTORED = f"{GAP}    long = gap > 0\n    return Targets(exposure=0.5 * long - 0.5 * ~long)\n"
SMALLER = f"{GAP}    return Targets(exposure=np.where(gap > 0, 0.25, 0.0))\n"


def where(body: str, close: float, exposure: str) -> str:
    """Return `body` with another exposure on bars of exactly this close, as who knew it could write it."""
    return body.replace(
        "    return Targets(exposure=",
        f"    odd = bars.close == {close!r}\n    return Targets(exposure=np.where(odd, {exposure}, ",
    ).replace("))\n", ")))\n")


@pytest.fixture(scope="module")
def hidden_close(inputs: GateInputs) -> dict[str, float]:
    """A close of the middle of each hidden split that no bar of train or of the other one has."""
    closes = {
        split: load_market(inputs.lock, split=split, symbols=("BTCUSDT",), interval="15m", stores=inputs.stores)
        .series[0]
        .close
        for split in ("train", "holdout", "forward")
    }
    found = {}
    for split, other in (("holdout", "forward"), ("forward", "holdout")):
        taken = set(closes["train"]) | set(closes[other])
        middle = closes[split][closes[split].size // 2 :]
        found[split] = float(next(close for close in middle if close not in taken))
    return found


@dataclasses.dataclass
class Clock:
    """Moves only by what is slept, and by `took` while an answer is looked for."""

    took: float = 1.0
    now: float = 0.0
    slept: list[float] = dataclasses.field(default_factory=list)

    def __call__(self) -> float:
        self.now += self.took
        return self.now

    def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)


@pytest.fixture
def ask(inputs: GateInputs, workers, kit, tmp_path: Path):
    key = tmp_path / "ci"
    signing.generate_key(key, comment="ci")

    def word(body: str, wanted: str, *, main: str = MAIN, clock: Clock | None = None, **changes: object) -> str:
        ticks = clock or Clock()
        vault = Vault(
            stores=changes.pop("stores", inputs.stores), worker=workers.main, key=key, clock=ticks, sleep=ticks.sleep
        )
        ours, theirs = (kit.candidate(text, **changes).source for text in (body, main))
        return hidden_word(vault, inputs.lock, candidate=ours, incumbent=theirs, wanted=wanted)

    return word


def test_a_refactor_decides_the_same_on_hidden_bars(ask) -> None:
    assert ask(REFACTORED, "same") == "same"


def test_smaller_exposure_is_less_risk_on_hidden_bars(ask) -> None:
    assert ask(SMALLER, "less") == "less"


@pytest.mark.parametrize("split", ["holdout", "forward"])
@pytest.mark.parametrize(
    ("body", "exposure", "wanted"),
    [
        (MAIN, "0.0", "same"),  # less risk on that bar, but to say so would tell that it is there
        (SMALLER, "0.6", "less"),
        (SMALLER, "np.where(gap > 0, -0.1, 0.1)", "less"),  # smaller, on the other side
        (MAIN, "1 / 0", "same"),
    ],
)
def test_one_hidden_bar_is_enough_to_be_ordinary(  # noqa: PLR0913, PLR0917  two fixtures, a split and a case
    ask, hidden_close, split, body, exposure, wanted
) -> None:
    assert ask(where(body, hidden_close[split], exposure), wanted) == "ordinary"


def test_the_first_hidden_bars_are_compared_with_train_as_their_history(ask, inputs: GateInputs) -> None:
    first = load_market(inputs.lock, split="holdout", symbols=("BTCUSDT",), interval="15m", stores=inputs.stores)
    close = float(first.series[0].close[0])

    assert ask(where(MAIN, close, "0.0"), "same") == "ordinary"


def test_whatever_goes_wrong_is_the_same_word(ask, inputs: GateInputs) -> None:
    nowhere = dataclasses.replace(inputs.stores, holdout="/nonexistent")

    assert ask(REFACTORED, "same", stores=nowhere) == "ordinary"
    assert ask("    raise ValueError(bars.close[-1])\n", "same") == "ordinary"
    assert ask(REFACTORED, "same", symbols=("NOSUCHUSDT",)) == "ordinary"


def test_an_answer_takes_a_whole_number_of_periods_whatever_it_is(ask) -> None:
    for body in (REFACTORED, "    raise ValueError('x')\n"):
        clock = Clock(took=3.0)
        ask(body, "same", clock=clock)
        assert clock.slept == [ANSWER_S - 3.0]


def test_one_that_takes_longer_than_a_period_does_not_hold(ask) -> None:
    clock = Clock(took=ANSWER_S + 1)

    assert ask(REFACTORED, "same", clock=clock) == "ordinary"
    assert clock.slept == [ANSWER_S - 1]


# In the ledger


@dataclasses.dataclass
class Bench:
    """A ledger of its own, and outcomes as if the gate had measured them."""

    repo: GitRepo
    trust: signing.Trust
    ledger: Ledger
    key: Path
    inputs: GateInputs
    workers: object
    kit: object
    asked: int = 0

    def judged(self, body: str, may_ask: str | None, *, laws: str = "passed", limit: str = "failed") -> GateOutcome:
        """Reserve, and conclude what measured so, with the lane's word."""
        self.asked += 1
        tree = f"{self.asked:040x}"
        entry = LedgerEntry(
            schema=1, seq=0, prev=None, kind="reservation", recorded_ms=self.asked, pr=1, head=tree, base="b" * 40,
            slug="probe", tree=tree, dataset=self.inputs.lock.ref, epoch="1",
        )  # fmt: skip
        reserved = self.ledger.reserve(entry, key=self.key)
        inputs = counted_in(self.inputs, counted_at(self.ledger, reserved.commit))
        source = self.kit.candidate(MAIN).source
        candidate = dataclasses.replace(
            self.kit.candidate(body), tree=tree, incumbent=Incumbent(slug="probe", tree="m" * 40, source=source)
        )
        checks = tuple(CheckResult(name=name, klass="law", verdict=laws) for name in sorted(LAWS))
        measured = (*checks, CheckResult(name="risk", klass="limit", verdict=limit, detail="too deep"))
        outcome = GateOutcome(
            verdict="rejected", candidate=candidate, policy=inputs.policy, engine=inputs.engine, trials=inputs.trials,
            checks=measured, measured=measured, whole=True, metrics={}, claim=None, may_ask=may_ask,
        )  # fmt: skip
        return in_lane(self.desk(), reserved, outcome, inputs)

    def desk(self) -> HiddenDesk:
        return HiddenDesk(
            ledger=self.ledger, key=self.key, clock=lambda: 0.0, clock_ms=lambda: self.asked,
            sleep=lambda _s: None, progress=lambda _line: None, workers=self.workers,
        )  # fmt: skip

    def words(self) -> list[str | None]:
        return [s.entry.lane for s in self.ledger.verify() if s.entry.kind == "lane"]


@pytest.fixture
def bench(tmp_path: Path, inputs: GateInputs, workers, kit) -> Bench:
    key = tmp_path / "ledger_key"
    signing.generate_key(key, comment="ci")
    repo = GitRepo(tmp_path)
    repo.run("init", "--quiet", "--initial-branch=main")
    trust = signing.Trust(signers=signers_file("ci", (signing.public_key(key),)), principal=signing.CI_PRINCIPAL)
    ledger = Ledger(repo, trust=trust)
    ledger.begin()
    return Bench(repo, trust, ledger, key, inputs, workers, kit)


def test_a_lane_that_holds_waives_limits_takes_the_trial_back_and_says_so(bench: Bench) -> None:
    found = bench.judged(SMALLER, "less")

    assert (found.verdict, found.lane, found.trials) == ("accepted", "less", 0)
    assert [c.verdict for c in found.checks if c.klass == "limit"] == ["waived"]
    assert "by the lane less" in found.waived[0]
    assert found.claim is not None
    assert (found.claim.lane, found.claim.ledger, found.claim.trials) == ("less", bench.ledger.head(), 0)
    assert bench.words() == ["less"]


def test_a_lane_that_differs_only_on_a_hidden_bar_is_ordinary_and_counted(bench: Bench, hidden_close) -> None:
    same = bench.judged(REFACTORED, "same")
    found = bench.judged(where(MAIN, hidden_close["holdout"], "0.0"), "same")

    assert (same.verdict, same.trials) == ("accepted", 0)
    assert (found.verdict, found.lane, found.trials) == ("rejected", "ordinary", 1)
    assert bench.words() == ["same", "ordinary"]
    assert bench.ledger.trials() == 1


def test_every_probe_of_hidden_bars_that_fails_is_a_trial_and_their_number_is_bounded(
    bench: Bench, hidden_close
) -> None:
    lanes = LanesPolicy(asked_per_epoch_max=3)
    fields = {name: getattr(bench.inputs.policy, name) for name in bench.inputs.policy.__struct_fields__}
    bench.inputs = dataclasses.replace(bench.inputs, policy=type(bench.inputs.policy)(**(fields | {"lanes": lanes})))
    probe = where(MAIN, hidden_close["holdout"], "0.0")

    words = [bench.judged(body, "same").lane for body in (probe, REFACTORED, probe, REFACTORED)]

    assert words == ["ordinary", "same", "ordinary", "ordinary"]  # the fourth is not looked at any more
    assert bench.ledger.trials() == 3


@pytest.mark.parametrize(
    "how", [{"may_ask": None}, {"may_ask": "same", "laws": "failed"}, {"may_ask": "same", "limit": "undecided"}]
)
def test_nobody_is_asked_before_train_allows_it_and_every_law_holds(bench: Bench, how) -> None:
    found = bench.judged(REFACTORED, **how)

    assert (found.lane, bench.words()) == (None, [])
    assert bench.ledger.trials() == 1


def test_the_train_bars_of_a_probe_do_not_show_it(inputs: GateInputs, workers, kit, hidden_close) -> None:
    market = load_market(inputs.lock, split="train", symbols=("BTCUSDT",), interval="15m", stores=inputs.stores)

    def decided(body: str) -> Decisions:
        return decide_blocks(workers.main, kit.candidate(body).source, market)

    probe = decided(where(MAIN, hidden_close["holdout"], "0.0"))
    assert probe.digest() == decided(REFACTORED).digest() == decided(MAIN).digest()
    assert np.array_equal(probe.exposure, decided(MAIN).exposure)


def test_a_folder_shows_the_lane_it_would_have_and_is_granted_none(gate, kit) -> None:
    candidate = kit.candidate(REFACTORED)
    incumbent = Incumbent(slug="probe", tree="m" * 40, source=kit.candidate(MAIN).source)

    found = gate(dataclasses.replace(candidate, incumbent=incumbent))

    assert (found.may_ask, found.lane) == ("same", None)
    assert found.to_json()["lane"] == "would be same"
    assert "lane would be same, if hidden bars agree" in terminal(found)
    assert found.claim is not None
    assert found.claim.lane is None
    assert conclude(found, gate.inputs) == found


def test_a_claim_quotes_the_lane_and_the_ledger_is_asked_again(bench: Bench, hidden_close) -> None:
    held = bench.judged(SMALLER, "less").claim
    failed = bench.judged(where(MAIN, hidden_close["holdout"], "0.0"), "same").claim
    assert held is not None
    assert failed is not None
    sources = Sources(repo=bench.repo, stores=bench.inputs.stores, ledger_trust=bench.trust)

    def found(claim: Claim) -> tuple[str | None, int, str | None]:
        again = quoted(claim, sources, bench.inputs)
        return again.lane, again.trials, again.ledger

    assert found(held) == ("less", 0, held.ledger)
    assert found(failed) == ("ordinary", 1, failed.ledger)
    lying = msgspec.structs.replace(failed, lane="same", trials=0)
    assert found(lying)[:2] == ("ordinary", 1)


def test_a_judgement_run_again_finds_its_word_and_opens_nothing(bench: Bench) -> None:
    first = bench.judged(REFACTORED, "same")
    bench.asked -= 1
    bench.inputs = dataclasses.replace(bench.inputs, stores=dataclasses.replace(bench.inputs.stores, holdout="/none"))

    again = bench.judged(REFACTORED, "same")

    assert (again.lane, again.evidence) == ("same", first.evidence)
    assert bench.words() == ["same"]
