from __future__ import annotations

import pytest

from autarch.market.catalogue import promotable
from autarch.market.lock import load_lock


def test_what_the_committed_data_set_promotes_follows_from_its_holdout_and_first_wealth(root):
    lock = load_lock(root / "ci" / "datasets" / "synthetic.toml")

    found = promotable(lock)

    # 91 days less the 22 that looks open; w0 .05: level .05 * .43749017 = .0218745, z 2.01649; measured 2.01649 /
    # sqrt(68 - 2.03311) = .24827 a day, 4.7433 a year; true: .24827 + .84162 sqrt((1 + theta^2/2) / 68) = .35348 with
    # theta .35348, 6.7532 a year
    assert found.days == 69
    assert found.level == pytest.approx(0.0218745, rel=1e-4)
    assert found.sharpe_measured == pytest.approx(4.7433, abs=1e-4)
    assert found.sharpe == pytest.approx(6.7532, abs=1e-4)


def test_better_odds_ask_for_more(root):
    lock = load_lock(root / "ci" / "datasets" / "synthetic.toml")

    even, good = promotable(lock, power=0.5), promotable(lock, power=0.95)

    assert even.sharpe == pytest.approx(even.sharpe_measured)
    assert good.sharpe > even.sharpe
