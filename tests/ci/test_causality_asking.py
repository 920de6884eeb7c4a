"""What causality asks beside a cut, how much it poisons, and what its measures say."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest

from autarch.errors import StrategyError
from ci.checks import poison, warmup
from ci.checks.causality import FRESH_SYMBOLS_MAX, _Asking
from ci.checks.cuts import Cut
from ci.checks.poison import CLOSE, FUNDING, HIGH, LOW, OPEN, VOLUME, noise


def asking(counts: list[bool], *, mode: str = "each") -> _Asking:
    decisions = SimpleNamespace(mode=mode, counts=np.array([counts]))
    return _Asking(evaluated=None, decisions=decisions, frames=None)


@pytest.mark.parametrize("seed", range(8))
def test_beside_a_cut_other_symbols_are_asked_that_are_decided_on_there(seed) -> None:
    found = asking([True, True, False, True, True])._beside(Cut(row=0, columns=(1,)), np.random.default_rng(seed))

    assert found[0] == (1,)
    assert len(set(found)) == len(found) == FRESH_SYMBOLS_MAX
    assert set(found[1:]) < {(0,), (3,), (4,)}


def test_which_others_are_asked_is_drawn() -> None:
    cut = Cut(row=0, columns=(0,))

    drawn = {column for seed in range(40) for column in asking([True] * 5)._beside(cut, np.random.default_rng(seed))}

    assert drawn == {(0,), (1,), (2,), (3,), (4,)}


def test_a_panel_and_a_lonely_symbol_have_nothing_beside_them() -> None:
    rng = np.random.default_rng(1)

    assert asking([True, True], mode="panel")._beside(Cut(row=0, columns=(0, 1)), rng) == [(0, 1)]
    assert asking([False, True])._beside(Cut(row=0, columns=(1,)), rng) == [(1,)]


def test_what_decides_causality_tolerates_no_difference_and_needs_bars(module_gate, kit) -> None:
    found = kit.check(module_gate(kit.candidate(kit.trend), only=["causality"]), "causality")

    assert {m.name: (m.op, m.limit) for m in found.measures if m.limit is not None} == {
        "cuts": (">=", 1.0),
        "cuts_differing": ("<=", 0.0),
        "fresh_cuts_differing": ("<=", 0.0),
        "poisoned_blocks": (">=", 1.0),
        "poisoned_bars_differing": ("<=", 0.0),
    }


@pytest.mark.parametrize(("n_blocks", "share"), [(12, 2), (13, 2), (5, 1), (0, 1)])
def test_blocks_to_poison_are_shared_by_groups_and_kinds(monkeypatch, n_blocks, share) -> None:
    asked = []
    monkeypatch.setattr(poison, "groups_of", lambda _decisions: [(0,), (1,)])
    monkeypatch.setattr(poison._Series, "ask", lambda series, budget: asked.append((series.group, series.kind, budget)))

    poison.ask_poisoned(SimpleNamespace(seed=(1, 2)), None, None, n_blocks=n_blocks)

    assert asked == [(group, kind, share) for group in ((0,), (1,)) for kind in ("noise", "spikes", "NaN")]


def test_noise_is_a_walk_of_one_per_cent_whose_bars_are_bars() -> None:
    bars = np.full((9, 20_000), 7.0)

    noise(bars, np.random.default_rng(3))

    assert np.diff(np.log(bars[CLOSE])).std() == pytest.approx(0.01, rel=0.03)
    assert np.array_equal(bars[OPEN, 1:], bars[CLOSE, :-1])
    top, bottom = np.maximum(bars[OPEN], bars[CLOSE]), np.minimum(bars[OPEN], bars[CLOSE])
    for edge in (bars[HIGH] / top - 1.0, 1.0 - bars[LOW] / bottom):
        assert (edge >= 0.0).all()
        assert edge.max() == pytest.approx(0.01, rel=0.01)
    assert bars[VOLUME].mean() == pytest.approx(3.0 * 7.0, rel=0.05)
    assert bars[FUNDING].std() == pytest.approx(0.001, rel=0.05)
    assert (bars[FUNDING + 1 :] == 7.0).all()


def test_who_fails_with_a_longer_warm_up_does_not_pass_with_it(evaluated, kit, monkeypatch) -> None:
    def fails(*_: object) -> None:
        raise StrategyError("decide() returned None; return Targets")

    monkeypatch.setattr(warmup, "_raised", fails)

    assert not warmup._would_pass(evaluated(kit.trend), [], 500)
