"""Choose a structure's numbers by walking forward: each part of train judges numbers that earlier parts chose."""

from __future__ import annotations

import random
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agents.tuner import DIGITS
from autarch.manifest import Manifest, ParamValue, SearchRange
from autarch.market.types import Floats
from autarch.metrics import sharpe

_STEPS_MAX = 10**9


@dataclass(frozen=True, slots=True, kw_only=True)
class Walk:
    """What a walk came to.

    Attributes:
        chosen: Index of the set to use: 0, the author's own, unless choosing was worth it.
        walk_forward: Annual Sharpe ratio of days judged by numbers that earlier days chose; None: not defined.
        own: That of the author's numbers on the same days.
    """

    chosen: int
    walk_forward: float | None
    own: float | None


def choose(daily: Floats, *, folds: int) -> Walk:
    """Return which of the parameter sets to use.

    Before each part but the first, the set with the highest Sharpe ratio so far is taken and earns what it earns
    in that part (anchored walk-forward). Only where those days together beat the author's own numbers on the same
    days is a set chosen, by all days; otherwise the author's stand: an idea is judged neither by a guessed number
    nor by a fitted one.

    Args:
        daily: (n_sets, n_days) daily returns, the author's own set first; a set without any is NaN throughout.
        folds: Parts of the days, at least 2.

    Raises:
        ValueError: no set, fewer than two parts, or fewer days than parts.
    """
    n_sets, n_days = daily.shape
    if n_sets < 1 or folds < 2 or n_days < folds:
        raise ValueError(f"{n_sets} sets over {n_days} days in {folds} parts; at least 1, 2 parts and a day each")
    edges = [n_days * part // folds for part in range(folds + 1)]
    picked = [_best(daily[:, :edge]) for edge in edges[1:-1]]
    parts = [daily[index, first:last] for index, first, last in zip(picked, edges[1:-1], edges[2:], strict=True)]
    walked, own = _ratio(np.concatenate(parts)), _ratio(daily[0, edges[1] :])
    better = walked is not None and (own is None or walked > own)
    return Walk(chosen=_best(daily) if better else 0, walk_forward=walked, own=own)


def drawn(manifest: Manifest, *, count: int, seed: int) -> list[dict[str, ParamValue]]:
    """Return up to `count` different parameter sets within [search], the manifest's own first.

    Drawn evenly and not searched for: a sampler that hears how later days went would carry them into the choice
    for earlier ones. Fewer where [search] holds fewer, one without [search].
    """
    own = {name: manifest.params[name] for name in manifest.search}
    rng, found = random.Random(seed), [own]  # noqa: S311  a seeded draw, not a secret
    for _ in range(20 * count if manifest.search else 0):
        if len(found) >= count:
            break
        one = {name: _draw(rng, span, own[name]) for name, span in manifest.search.items()}
        if one not in found:
            found.append(one)
    return found[:count]


def _draw(rng: random.Random, span: SearchRange, like: ParamValue) -> ParamValue:
    if span.log:
        value = float(np.exp(rng.uniform(float(np.log(span.low)), float(np.log(span.high)))))
    elif span.step is None and not isinstance(like, int):
        value = rng.uniform(span.low, span.high)
    else:
        step = span.step if span.step is not None else 1
        value = span.low + step * rng.randint(0, min(_STEPS_MAX, int((span.high - span.low) / step + 1e-9)))
    if isinstance(like, int):
        return min(max(round(value), int(span.low)), int(span.high))
    return min(max(float(format(value, f".{DIGITS}g")), float(span.low)), float(span.high))


def _best(daily: Floats) -> int:
    """Return the set with the highest ratio, the first of equals; 0 where none has one."""
    ratios: Sequence[float | None] = [_ratio(row) for row in daily]
    return max(range(len(ratios)), key=lambda index: -np.inf if ratios[index] is None else float(ratios[index] or 0.0))


def _ratio(daily: Floats) -> float | None:
    return sharpe(daily) if bool(np.isfinite(daily).all()) else None
