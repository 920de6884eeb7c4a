from __future__ import annotations

import pytest

from autarch.market.catalogue import promotable
from autarch.market.lock import load_lock


def test_what_the_committed_data_set_promotes_follows_from_its_holdout_and_first_wealth(root):
    lock = load_lock(root / "ci" / "datasets" / "synthetic.toml")

    found = promotable(lock)

    # 91 days, w0 .05: level .05 * .07720838 ln 2 = .0026758, z 2.78507; measured 2.78507 / sqrt(90 - 3.8783) = .30011
    # a day, 5.7336 a year; true: .30011 + .84162 sqrt((1 + theta^2/2) / 90) = .39217 with theta .39217, 7.4924 a year
    assert found.days == 91
    assert found.level == pytest.approx(0.0026758, rel=1e-4)
    assert found.sharpe_measured == pytest.approx(5.7336, abs=1e-4)
    assert found.sharpe == pytest.approx(7.4924, abs=1e-4)


def test_better_odds_ask_for_more(root):
    lock = load_lock(root / "ci" / "datasets" / "synthetic.toml")

    even, good = promotable(lock, power=0.5), promotable(lock, power=0.95)

    assert even.sharpe == pytest.approx(even.sharpe_measured)
    assert good.sharpe > even.sharpe
