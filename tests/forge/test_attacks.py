"""Each attack on the forge is tried for real, and stopped by the wall it is said to be stopped by."""

from __future__ import annotations

import pytest

from .attacks import ATTACKS, Attack, HoleError
from .conftest import Yard

TOLD = {
    "REST": ("403", "404", "405", "422"),
    "merge": ("405", "409"),
    "signature": ("moved, and then",),
}


@pytest.mark.slow
@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name.replace(" ", "-"))
def test_an_attack_is_stopped_by_its_wall(yard: Yard, attack: Attack) -> None:
    told = attack.run(yard)

    expected = TOLD.get(attack.wall)
    assert told
    assert expected is None or told.startswith(expected), told


def test_an_attack_that_succeeds_is_a_hole(yard: Yard) -> None:
    """The instrument itself: what is allowed is not reported as stopped."""
    from .attacks import _asked, _pushed

    head = yard.strategy()
    with pytest.raises(HoleError):
        _pushed(yard, "agent", f"{head}:refs/heads/agent/tuner/ema_trend-1")
    with pytest.raises(HoleError):
        _asked(lambda: yard.client("agent").create_pull(head="agent/tuner/ema_trend-1", title="t", body=""))


def test_no_attack_is_told_twice() -> None:
    names = [attack.name for attack in ATTACKS]

    assert len(set(names)) == len(names) >= 25
