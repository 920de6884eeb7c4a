"""One test for promotion, on the trusted side: the holdout is opened for one word, which is durable before it is told.

In this order: who and what is asked is settled without a hidden bar; the epoch's account allows it; how long the answer
takes is fixed; every bar of the holdout's second part is decided in live form and played; the entry that follows from
the ledger is appended; only then the word is returned.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from autarch.errors import RefusedError, UndecidedError
from autarch.evaluation import decide_stepwise
from autarch.evidence.epoch import EpochAccount
from autarch.evidence.ledger_entry import SCHEMA, Judgement, LedgerEntry, Sealed
from autarch.evidence.revealed import place_of_test
from autarch.evidence.sealing import place_key, seal
from autarch.market.load import load_market
from autarch.market.parts import looked_until_ms
from ci.promotion.account import begin_epoch, open_account, require_rate
from ci.promotion.deciding import Measured, measure, settle
from ci.promotion.desk import Present, PromotionDesk, present
from ci.promotion.forward import rounded
from ci.promotion.standing import Standing, standing_of
from ci.promotion.subject import subject_of
from ci.vault.opening import Vault, answer_after

PACE_ROWS = 256
"""Train rows that are decided in live form to learn how long the holdout's will take."""

SLACK = 2.0
"""How much longer than train's pace lets expect an answer is given."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """A test's entry in the ledger. `is_stored`: it was there before, and nothing was spent."""

    entry: LedgerEntry
    is_stored: bool

    @property
    def judgement(self) -> Judgement:
        """What the test said."""
        if self.entry.judgement is None:
            raise ValueError("an entry that is no judgement was taken for one")
        return self.entry.judgement

    def to_json(self) -> dict[str, object]:
        """Return what may be told: the word and the account, never a number behind the word."""
        said = self.judgement
        return {
            "strategy": self.entry.slug,
            "pull": self.entry.pr,
            "word": said.word,
            "test": said.test,
            "level": said.level,
            "wealth": said.wealth,
            "stored": self.is_stored,
            "asked_by": said.asked_by,
            "dataset": self.entry.dataset,
            "epoch": self.entry.epoch,
        }


def judge(desk: PromotionDesk, target: str, *, asked_by: str, test: int | None = None) -> Judged:
    """Return the answer about a strategy on main: the stored one where nothing is newer, else that of a new test.

    Args:
        desk: The trusted side.
        target: The strategy's slug, or the pull request that brought it.
        asked_by: The human, as the forge knows them.
        test: Number of the test whose price was confirmed; None: whichever comes.

    Raises:
        UsageError: there is no such strategy.
        RefusedError: not on main, not accepted, the epoch is closed or its terms were changed, another test came
            first, or too many were asked today.
        UndecidedError: it could not even be asked; nothing was spent.
    """
    now = present(desk)
    lock = now.inputs.lock
    subject = subject_of(desk.repo, now.main, now.entries, target)
    account = open_account(now.entries, lock)
    desk.progress(f"asking {subject.slug} about train and forward bars")
    standing = standing_of(desk, now, subject)
    stored = _stored(account, standing)
    if stored is not None:
        return Judged(entry=stored, is_stored=True)
    _require_confirmed(account, test)
    per_day_max = now.inputs.policy.promotion.judged_per_day_max
    require_rate(now.entries, now_ms=desk.clock_ms(), per_day_max=per_day_max)
    _require_accepted(now.entries, standing)
    since_ms = _judged_from(now)
    begin_epoch(now.ledger, lock, key=desk.key, now_ms=desk.clock_ms())
    measured = _measured(desk, now, standing, since_ms)

    def entry(entries: tuple[Sealed, ...]) -> LedgerEntry | None:
        present_account = open_account(entries, lock)
        if _stored(present_account, standing) is not None:
            return None
        _require_confirmed(present_account, test)
        require_rate(entries, now_ms=desk.clock_ms(), per_day_max=per_day_max)  # others may have asked at the same time
        return _entry(desk, now, standing, present_account, measured, asked_by)

    added = now.ledger.derive(entry, key=desk.key)
    if added is not None:
        return Judged(entry=added.entry, is_stored=False)
    twin = _stored(open_account(now.ledger.entries(now.ledger.sync()), lock), standing)
    if twin is None:
        raise UndecidedError("an answer was in the ledger and is gone; verify it: autarch ledger verify")
    return Judged(entry=twin, is_stored=True)


def _stored(account: EpochAccount, standing: Standing) -> LedgerEntry | None:
    identity = standing.identity
    return account.answered(decisions=identity.decisions, forward_to_ms=standing.forward_to_ms, trees=identity.trees)


def _require_confirmed(account: EpochAccount, test: int | None) -> None:
    if test is not None and account.next_test != test:
        raise RefusedError(
            f"the price of test {test} was confirmed, and test {account.next_test} is next, at level "
            f"{account.next_level:.3g}: somebody asked meanwhile. Nothing was spent; look at the price again"
        )


def _require_accepted(entries: Sequence[Sealed], standing: Standing) -> None:
    """Refuse what no verdict accepted: the holdout is opened after all else is green, and not before."""
    own = [s.entry for s in entries if s.entry.kind == "result" and standing.identity.owns(s.entry)]
    if not any(entry.verdict == "accepted" for entry in own):
        slug = standing.subject.slug
        raise RefusedError(
            f"no verdict in the ledger accepted what {slug} decides on {standing.identity.dataset} today; propose it "
            f"so that it is judged: autarch propose --strategy {slug}"
        )


def _judged_from(now: Present) -> int:
    """Return from when on the holdout's bars are tested: what looks may open is left out."""
    start, end = now.inputs.lock.splits.span("holdout")
    since_ms = looked_until_ms(start, end)
    if end <= since_ms:
        raise UndecidedError(
            f"{now.inputs.lock.name} has no holdout bars to test on; make a data set with a longer one: autarch data ls"
        )
    return since_ms


def _measured(desk: PromotionDesk, now: Present, standing: Standing, since_ms: int) -> Measured | None:
    """Return what the holdout says, after a time fixed before it was opened; None: it could not be computed."""
    inputs, worker = now.inputs, desk.workers.main
    seconds = inputs.policy.promotion.judge_seconds + SLACK * _expected_s(desk, now, standing, since_ms)
    vault = Vault(stores=inputs.stores, worker=worker, key=desk.key, clock=desk.clock, sleep=desk.sleep)
    desk.progress(f"testing {standing.subject.slug} on the holdout, for one word in {seconds:.0f} s")

    def question() -> Measured | None:
        days = desk.live(
            (worker, worker),
            stores=inputs.stores,
            lock=inputs.lock,
            source=standing.source,
            split="holdout",
            capital=inputs.policy.backtest.capital,
            since_ms=since_ms,
        )
        found = measure(rounded(days.daily))
        return replace(found, p=1.0) if days.is_ruined else found

    return answer_after(vault, question, otherwise=None, seconds=seconds)


def _expected_s(desk: PromotionDesk, now: Present, standing: Standing, since_ms: int) -> float:
    """Return the seconds that the holdout's rows would take at the pace of train's last ones."""
    inputs, manifest = now.inputs, standing.source.manifest
    market = load_market(
        inputs.lock,
        split="train",
        symbols=(*manifest.symbols, *manifest.context),
        interval=manifest.interval,
        stores=inputs.stores,
    )
    rows = range(max(0, market.n_bars - PACE_ROWS), market.n_bars)
    began = desk.clock()
    decide_stepwise((desk.workers.main,), standing.source, market, rows=rows)
    pace_s = (desk.clock() - began) / max(1, len(rows))
    return pace_s * (inputs.lock.splits.span("holdout")[1] - since_ms) / manifest.interval_ms


def _entry(  # noqa: PLR0913, PLR0917  it binds what each of these knows
    desk: PromotionDesk,
    now: Present,
    standing: Standing,
    account: EpochAccount,
    measured: Measured | None,
    asked_by: str,
) -> LedgerEntry:
    """Return the test's entry behind the account's tests so far, its numbers under seal."""
    subject, lock = standing.subject, now.inputs.lock
    decided = settle(account.rule, account.tested, measured, e_value=standing.weighed.e_value)
    epoch = str(lock.epoch.number)
    key = place_key(desk.key.read_bytes(), place_of_test(dataset=lock.name, epoch=epoch, test=decided.test))
    return LedgerEntry(
        schema=SCHEMA,
        seq=0,
        prev=None,
        kind="judgement",
        recorded_ms=desk.clock_ms(),
        pr=subject.pr,
        head=subject.head,
        base=now.main,
        slug=subject.slug,
        tree=subject.tree,
        decisions=standing.identity.decisions,
        dataset=lock.ref,
        epoch=epoch,
        judgement=Judgement(
            test=decided.test,
            level=decided.level,
            wealth=decided.wealth,
            word=decided.word,
            sealed=seal(key, {"word": decided.word, **decided.numbers}),
            asked_by=asked_by,
            forward_to_ms=standing.forward_to_ms,
        ),
    )
