"""Strategies by blind chance: a grammar that writes them, and edits of syntax trees that know nothing of markets.

It stands where a model would, so that the loop can be measured against its own baseline, and run, without one. What
it writes has no reason to earn anything; that is the point.
"""

from __future__ import annotations

import ast
import copy
import math
import random
from collections.abc import Callable, Mapping, Sequence

from agents.evolution import growing
from agents.evolution.trees import Swap, Written, calls, decide_of, name_of, names_in, params_in, pruned
from agents.evolution.writing import renamed, traded, with_added, with_numbers, with_parent
from autarch.manifest import ParamValue, SearchRange, parse_manifest

WARMUP = 2_000
LITERAL_MOST = 1e6
JOIN_FRAC = 0.6
"""Share of crossings that add one parent's signal to the other's."""
MOVED_MOST = 2
"""Numbers that move together."""
REACH_FRAC = 0.4
"""Share of a range by which a number moves at most: a small step decides the same, and is refused as a copy."""
_AVERAGES = ("EMA", "SMA", "WMA", "TRIMA")
_EXTREMES = ("MAX", "MIN")
_COLUMNS = ("open", "high", "low", "close")
_HEAD = '''"""{title}, as chance wrote it.

Thesis: none; a grammar drew it, and only what was measured speaks for it.
Source: drawn by a seeded generator.
Dies when: what it met on train was chance.
"""

import talib

from autarch.strategy import Bars, Params, Targets, ops


def decide(bars: Bars, p: Params) -> Targets:
    """Hold the side that a drawn signal points to, until it points to none."""
    signal = {signal}
    up = ops.hysteresis(signal, p.entry, 0.0)
    down = ops.hysteresis(-signal, p.entry, 0.0)
    size = ops.vol_target(bars.close, 96, p.brake)
    return Targets(exposure=ops.band((up * 1.0 - down * 1.0) * size, 0.25))
'''


def create(rng: random.Random, *, slug: str, symbols: Sequence[str], interval: str) -> Written:
    """Return a strategy drawn from the grammar."""
    spans: dict[str, tuple[int, int]] = {}
    parts = [_signal(rng, spans, index) for index in range(rng.choice((1, 1, 2)))]
    signal = " + ".join(parts)
    params: dict[str, ParamValue] = {name: rng.randint(*span) for name, span in spans.items()}
    params |= {"entry": rng.randint(0, 12) / 1000, "brake": rng.randint(2, 10) / 1000}
    lines = [
        "schema = 1",
        f'name = "{slug}"',
        'title = "A drawn signal"',
        f"symbols = [{', '.join(repr(s).replace(chr(39), chr(34)) for s in symbols)}]",
        f'interval = "{interval}"',
        'mode = "each"',
        f"warmup = {WARMUP}",
        "max_leverage = 1.0",
        "",
        "[params]",
        *(f"{name} = {value}" for name, value in params.items()),
        "",
        "[search]",
        *(f"{name} = {{low = {low}, high = {high}, step = 1}}" for name, (low, high) in spans.items()),
        "entry = {low = 0.0, high = 0.02, step = 0.001}",
        "brake = {low = 0.002, high = 0.012, step = 0.001}",
        "",
    ]
    return Written(
        manifest="\n".join(lines).encode(), code=_HEAD.format(title="A drawn signal", signal=signal).encode()
    )


def mutate(rng: random.Random, parent: Written, *, slug: str) -> Written:
    """Return `parent` with one thing about its code changed, or two of its numbers where that way leads nowhere.

    Ways are drawn by `_WAYS`: small steps that leave most of a parent as it is come first, since those are the ones
    whose children are better than it; what turns a parent's decisions round comes last.
    """
    way = rng.choices(list(_WAYS), list(_WAYS.values()))[0]
    if way == "term":
        larger = growing.grown(rng, parent, _drawn(rng), slug)
    elif way == "turn":
        larger = growing.turned(rng, parent, slug)
    else:
        larger = _edited(rng, parent, slug, way)
    return larger or Written(manifest=_moved(rng, parent.manifest, slug), code=parent.code)


def cross(rng: random.Random, one: Written, other: Written, *, slug: str) -> Written:
    """Return the first parent with a signal of the other added to one of its own, or in its place; else a mutation.

    Only an expression that needs no name the first lacks can move.
    """
    if rng.random() < JOIN_FRAC and (both := growing.joined(rng, one, other, slug)) is not None:
        return both
    into, source = ast.parse(one.code), ast.parse(other.code)
    manifest, theirs = (parse_manifest(w.manifest, slug=name_of(w.manifest)) for w in (one, other))
    usable = [node for node in calls(decide_of(source)) if names_in(node) <= {"bars", "p", "talib", "ops"}]
    places = calls(decide_of(into))
    if not usable or not places:
        return mutate(rng, one, slug=slug)
    graft, place = copy.deepcopy(rng.choice(usable)), rng.choice(places)
    Swap(place, graft).visit(into)
    missing = sorted(params_in(graft) - set(manifest.params))
    if any(name not in theirs.params for name in missing):
        return mutate(rng, one, slug=slug)
    moved = with_added(
        renamed(one.manifest, slug), {name: theirs.params[name] for name in missing}, search=theirs.search
    )
    return pruned(moved, into)


def simplify(rng: random.Random, parent: Written, *, slug: str) -> Written:
    """Return `parent` with one sum, product or other pair replaced by one of its sides; else with numbers moved."""
    tree = ast.parse(parent.code)
    pairs = [node for node in ast.walk(tree) if isinstance(node, ast.BinOp)]
    if not pairs:
        return Written(manifest=_moved(rng, parent.manifest, slug), code=parent.code)
    chosen = rng.choice(pairs)
    Swap(chosen, rng.choice((chosen.left, chosen.right))).visit(tree)
    return pruned(renamed(parent.manifest, slug), tree)


def port(rng: random.Random, parent: Written, *, slug: str, symbols: Sequence[str]) -> Written:
    """Return `parent` for a drawn part of `symbols`, at its own interval."""
    chosen = sorted(rng.sample(list(symbols), rng.randint(1, len(symbols))), key=list(symbols).index)
    manifest = parse_manifest(parent.manifest, slug=name_of(parent.manifest))
    if manifest.mode == "panel" or manifest.context or chosen == list(manifest.symbols):
        return mutate(rng, parent, slug=slug)
    written = traded(renamed(parent.manifest, slug), symbols=chosen, interval=manifest.interval)
    return Written(manifest=written, code=parent.code)


def originated(written: Written, parent: str | None) -> Written:
    """Return `written` with its parent in [origin]."""
    return Written(manifest=with_parent(written.manifest, parent), code=written.code)


def _drawn(rng: random.Random) -> growing.Term:
    """Return one drawn signal with its numbers and their ranges."""
    spans: dict[str, tuple[int, int]] = {}
    expression = ast.parse(_signal(rng, spans, 0), mode="eval").body
    return growing.Term(
        expression=expression,
        params={name: rng.randint(*span) for name, span in spans.items()},
        search={name: SearchRange(low=low, high=high, step=1) for name, (low, high) in spans.items()},
    )


def _edited(rng: random.Random, parent: Written, slug: str, way: str) -> Written | None:
    """Return `parent` with one small change of its code, None where it has nothing of that kind."""
    tree, edit = ast.parse(parent.code), _EDITS.get(way)
    if edit is None or not edit(rng, tree):
        return None
    return Written(manifest=renamed(parent.manifest, slug), code=(ast.unparse(tree) + "\n").encode())


def _signal(rng: random.Random, spans: dict[str, tuple[int, int]], index: int) -> str:
    """Return one dimensionless expression, its lengths added to `spans`."""
    short, long_ = f"short_{index}", f"long_{index}"
    kind = rng.choice(("gap", "gap", "gone", "place", "funding"))
    sign = rng.choice(("", "-"))
    if kind == "funding":
        return f"{sign}(bars.funding * 10.0)"
    spans[long_] = (40, 160)
    if kind == "gone":
        return f"{sign}talib.ROCP(bars.close, p.{long_})"
    if kind == "place":
        middle = f"(talib.MAX(bars.high, p.{long_}) + talib.MIN(bars.low, p.{long_})) * 0.5"
        return f"{sign}(bars.close / ({middle}) - 1.0)"
    spans[short] = (4, 36)
    average = rng.choice(_AVERAGES)
    return f"{sign}(talib.{average}(bars.close, p.{short}) / talib.{average}(bars.close, p.{long_}) - 1.0)"


def _edit_call(rng: random.Random, tree: ast.Module) -> bool:
    """Put another average or extreme in the place of one."""
    found = [
        node.func
        for node in calls(tree)
        if isinstance(node.func, ast.Attribute) and node.func.attr in (*_AVERAGES, *_EXTREMES)
    ]
    if not found:
        return False
    chosen = rng.choice(found)
    family = _AVERAGES if chosen.attr in _AVERAGES else _EXTREMES
    chosen.attr = rng.choice([name for name in family if name != chosen.attr])
    return True


def _edit_column(rng: random.Random, tree: ast.Module) -> bool:
    """Read another price."""
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Attribute)
        and node.attr in _COLUMNS
        and isinstance(node.value, ast.Name)
        and node.value.id == "bars"
    ]
    if not found:
        return False
    chosen = rng.choice(found)
    chosen.attr = rng.choice([name for name in _COLUMNS if name != chosen.attr])
    return True


def _edit_literal(rng: random.Random, tree: ast.Module) -> bool:
    """Scale a number of the code by up to two, either way."""
    found = [
        node
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, int | float) and not isinstance(node.value, bool)
    ]
    if not found:
        return False
    chosen = rng.choice(found)
    old = chosen.value
    if not isinstance(old, int | float) or abs(old) > LITERAL_MOST:
        return False
    scaled = old * 2.0 ** rng.uniform(-1.0, 1.0)
    chosen.value = max(1, round(scaled)) if isinstance(old, int) else float(format(scaled, ".3g"))
    return chosen.value != old


def _edit_operator(rng: random.Random, tree: ast.Module) -> bool:
    """Turn a plus into a minus, a more into a less, or the other way round."""
    turned: dict[type[ast.AST], type[ast.AST]] = {
        ast.Add: ast.Sub,
        ast.Sub: ast.Add,
        ast.Gt: ast.Lt,
        ast.Lt: ast.Gt,
        ast.BitAnd: ast.BitOr,
        ast.BitOr: ast.BitAnd,
    }
    found: list[Callable[[], None]] = []
    for node in ast.walk(tree):
        if isinstance(node, ast.BinOp) and type(node.op) in turned:
            found.append(lambda node=node: setattr(node, "op", turned[type(node.op)]()))  # type: ignore[misc]
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in turned:
            found.append(lambda node=node: node.ops.__setitem__(0, turned[type(node.ops[0])]()))  # type: ignore[misc]
    if not found:
        return False
    rng.choice(found)()
    return True


def _moved(rng: random.Random, manifest: bytes, slug: str) -> bytes:
    """Return the manifest under its new name, up to MOVED_MOST numbers of [search] moved."""
    parsed = parse_manifest(manifest, slug=name_of(manifest))
    names = sorted(parsed.search)
    chosen = rng.sample(names, min(len(names), MOVED_MOST))
    return with_numbers(
        renamed(manifest, slug), {name: _stepped(rng, parsed.search[name], parsed.params[name]) for name in chosen}
    )


def _stepped(rng: random.Random, span: SearchRange, value: ParamValue) -> ParamValue:
    """Return `value` moved within `span`, by REACH_FRAC of it at most, in log scale where the span says so."""
    if span.log:
        share = math.log(value / span.low) / math.log(span.high / span.low)
        share = min(1.0, max(0.0, share + rng.uniform(-REACH_FRAC, REACH_FRAC)))
        return _like(value, span.low * (span.high / span.low) ** share, span)
    step = span.step if span.step is not None else (span.high - span.low) / 20
    steps = max(1, round((span.high - span.low) / step))
    reach = max(1, round(steps * REACH_FRAC))
    place = round((value - span.low) / step) + rng.choice((-1, 1)) * rng.randint(1, reach)
    return _like(value, span.low + step * min(steps, max(0, place)), span)


def _like(old: ParamValue, new: float, span: SearchRange) -> ParamValue:
    return round(new) if isinstance(old, int) else min(float(format(new, ".6g")), float(span.high))


_WAYS = {"numbers": 0.5, "term": 0.27, "call": 0.15, "column": 0.02, "literal": 0.02, "operator": 0.02, "turn": 0.02}
"""How likely each way of a mutation is (own choice, by what children of each came to on markets with planted edges)."""
_EDITS: Mapping[str, Callable[[random.Random, ast.Module], bool]] = {
    "call": _edit_call,
    "column": _edit_column,
    "literal": _edit_literal,
    "operator": _edit_operator,
}
