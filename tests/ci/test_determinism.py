"""What must not matter to a strategy, planted one by one: each is another answer in the second child.

The source policy refuses most of these first; here it is not asked.
"""

from __future__ import annotations

import re

import numpy as np
import pytest

from autarch.evaluation import decide_blocks
from ci.checks import causality, determinism
from ci.workers import OTHER_CLOCK_SHIFT_S

from .conftest import SEEN

PLANTED = {
    "the order of a set": """\
    first = list({"up", "down", "flat", "left", "right", "over", "under", "through"})[0]
    return Targets(exposure=np.full(len(bars), len(first) / 10.0))
""",
    "the hash of a text": """\
    return Targets(exposure=np.full(len(bars), ("a text".__hash__() % 1000) / 1000.0))
""",
    "the address of an object": """\
    address = int(f"{decide}".rsplit("0x", 1)[1][:-1], 16)
    return Targets(exposure=np.full(len(bars), (address // 16 % 99991) / 1e5))
""",
    "today's date": """\
    day = np.datetime64("now").astype("datetime64[D]").astype("int64")
    return Targets(exposure=np.full(len(bars), (day % 1000) / 1000.0))
""",
    "what lay in memory before": """\
    left = np.empty(len(bars) * 3)
    seen = np.nan_to_num(np.abs(left), nan=0.5, posinf=0.5) % 1.0
    return Targets(exposure=seen[: len(bars)])
""",
    "random numbers": """\
    return Targets(exposure=np.random.rand(len(bars)))
""",
    "how often it was asked": """\
    SEEN.append(1)
    return Targets(exposure=np.full(len(bars), 1.0 / (1 + len(SEEN))))
""",
    "who was asked before": """\
    SEEN.append(bars.close[-1])
    return Targets(exposure=np.full(len(bars), 1.0 if len(SEEN) > 1 and SEEN[-2] > SEEN[-1] else 0.0))
""",
}


@pytest.mark.parametrize("body", PLANTED.values(), ids=PLANTED)
def test_what_must_not_matter_fails_determinism_with_both_values(evaluated, body) -> None:
    answer, decisions = determinism.check(evaluated(body, head=SEEN))

    assert answer.verdict == "failed"
    assert decisions is None
    assert re.match("exposure of (BTC|ETH)USDT at train row ", answer.detail)
    assert " in one child and " in answer.detail


def test_the_second_child_lives_four_hundred_days_later() -> None:
    assert OTHER_CLOCK_SHIFT_S == 400 * 86_400


def test_symbols_that_tell_each_other_in_one_process_fail_causality_too(evaluated, workers) -> None:
    # Asked in blocks, ETHUSDT follows BTCUSDT; asked bar by bar or in a fresh child, it need not.
    told = evaluated(PLANTED["who was asked before"], head=SEEN)
    decisions = decide_blocks(workers.main, told.source, told.market)

    answer = causality.check(told, decisions)

    assert answer.verdict == "failed"
    assert np.unique(decisions.exposure).tolist() == [0.0, 1.0]
