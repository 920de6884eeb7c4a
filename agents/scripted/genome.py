"""A strategy as a choice of words and numbers: drawn, changed, crossed, and written out as two files."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace

from agents.scripted.pieces import KINDS, SIGNALS, STOPS, Piece, Range

MARK = "Source: drawn from a scripted grammar, genome "
_MARKED = re.compile(re.escape(MARK) + r"([a-z]+)-([a-z]+)-([a-z]+)-([a-z]+)(-against)?\.")
WARMUP_ROUND = 50


@dataclass(frozen=True, slots=True, kw_only=True)
class Market:
    """What a strategy may trade, by the words of the brief."""

    symbols: tuple[str, ...]
    interval: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Genome:
    """One strategy. `words` by kind, `values` of every parameter of theirs; `against` turns the signal round."""

    words: Mapping[str, str]
    against: bool
    values: Mapping[str, float]
    symbols: tuple[str, ...]
    interval: str
    extra_warmup: int = 0

    @property
    def pieces(self) -> tuple[Piece, ...]:
        """The four words."""
        return tuple(table[self.words[kind]] for kind, table in KINDS)

    @property
    def name(self) -> str:
        """As it stands in the thesis."""
        return "-".join(self.words[kind] for kind, _ in KINDS) + ("-against" if self.against else "")

    @property
    def ranges(self) -> dict[str, Range]:
        """Every parameter of its words."""
        return {name: span for piece in self.pieces for name, span in piece.params.items()}

    @property
    def warmup(self) -> int:
        """Bars that cover what the words remember at the upper ends of their ranges."""
        bars = sum(piece.memory for piece in self.pieces) + self.extra_warmup
        return -(-bars // WARMUP_ROUND) * WARMUP_ROUND


def draw(rng: random.Random, market: Market) -> Genome:
    """Return a strategy drawn blindly."""
    words = {kind: rng.choice(sorted(table)) for kind, table in KINDS}
    against = rng.random() < 0.2
    made = Genome(words=words, against=against, values={}, symbols=market.symbols, interval=market.interval)
    return filled(made, rng)


def filled(genome: Genome, rng: random.Random) -> Genome:
    """Return the genome with a value for each parameter of its words: its own where it has one, else drawn."""
    values = {}
    for name, span in genome.ranges.items():
        own = genome.values.get(name)
        values[name] = own if own is not None and _is_on(span, own) else draw_value(rng, span)
    return replace(genome, values=values)


def _is_on(span: Range, value: float) -> bool:
    steps = (value - span.low) / span.step
    return span.low <= value <= span.high and abs(steps - round(steps)) < 1e-6


def draw_value(rng: random.Random, span: Range) -> float:
    """Return a value on the grid of a range."""
    steps = round((span.high - span.low) / span.step)
    value = span.low + rng.randint(0, steps) * span.step
    return int(value) if span.whole else float(format(value, ".6g"))


def mutate(genome: Genome, rng: random.Random) -> Genome:
    """Return the genome with one word exchanged, its signal turned round, or two numbers drawn anew."""
    kind, table = rng.choice(KINDS)
    way = rng.random()
    if way < 0.55:
        others = sorted(set(table) - {genome.words[kind]})
        return _with_words(genome, {kind: rng.choice(others)}, rng)
    if way < 0.7:
        return replace(genome, against=not genome.against)
    moved = rng.sample(sorted(genome.values), k=min(2, len(genome.values)))
    return replace(genome, values={**genome.values, **{n: draw_value(rng, genome.ranges[n]) for n in moved}})


def cross(one: Genome, other: Genome, rng: random.Random) -> Genome:
    """Return the signal of one with the other's remaining words."""
    first, second = (one, other) if rng.random() < 0.5 else (other, one)
    words = {**second.words, "signal": first.words["signal"]}
    return filled(replace(first, words=words, values={**second.values, **first.values}), rng)


def simplify(genome: Genome, rng: random.Random) -> Genome:
    """Return the genome with one word less to say."""
    plain = {"filter": "always", "stop": "none", "size": "plain"}
    spare = sorted(kind for kind, word in plain.items() if genome.words[kind] != word)
    if not spare:
        return replace(genome, against=False)
    kind = rng.choice(spare)
    return _with_words(genome, {kind: plain[kind]}, rng)


def _with_words(genome: Genome, words: Mapping[str, str], rng: random.Random) -> Genome:
    return filled(replace(genome, words={**genome.words, **words}), rng)


def recognise(code: str, params: Mapping[str, object], market: Market) -> Genome | None:
    """Return the genome that a strategy's docstring names, or None: it was written by somebody else."""
    found = _MARKED.search(code)
    if found is None:
        return None
    words = dict(zip(("signal", "filter", "size", "stop"), found.groups()[:4], strict=True))
    if any(words[kind] not in table for kind, table in KINDS):
        return None
    values = {n: v for n, v in params.items() if isinstance(v, int | float) and not isinstance(v, bool)}
    against = found.group(5) is not None
    made = Genome(words=words, against=against, values=values, symbols=market.symbols, interval=market.interval)
    return filled(made, random.Random(0))  # noqa: S311  repeatable, and draws only what the parent lacks


def write(genome: Genome, *, slug: str, parent: str | None = None) -> dict[str, bytes]:
    """Return the two files of a strategy."""
    return {
        "manifest.toml": _manifest(genome, slug=slug, parent=parent).encode("ascii"),
        "strategy.py": _code(genome).encode("ascii"),
    }


def _manifest(genome: Genome, *, slug: str, parent: str | None) -> str:
    params = [f"{name} = {_number(value)}" for name, value in genome.values.items()]
    search = [
        f"{name} = {{low = {_end(s, s.low)}, high = {_end(s, s.high)}, step = {_end(s, s.step)}}}"
        for name, s in genome.ranges.items()
    ]
    lines = [
        "schema = 1",
        f'name = "{slug}"',
        f'title = "{_title(genome)}"',
        _symbols(genome.symbols),
        f'interval = "{genome.interval}"',
        'mode = "each"',
        f"warmup = {genome.warmup}",
        "max_leverage = 1.0",
        "",
        "[params]",
        *params,
        "",
        "[search]",
        *search,
    ]
    lines += ["", "[origin]", f'parent = "{parent}"'] if parent else []
    return "\n".join(lines) + "\n"


def _symbols(symbols: tuple[str, ...]) -> str:
    quoted = ", ".join(f'"{symbol}"' for symbol in symbols)
    return f"symbols = [{quoted}]"


def _code(genome: Genome) -> str:
    signal = SIGNALS[genome.words["signal"]]
    uses = {name for piece in genome.pieces for name in piece.uses}
    body = [line for piece in genome.pieces for line in piece.code]
    if genome.against:
        body.insert(len(signal.code), "side = -side")
    body.append("exposure = np.nan_to_num(exposure)")
    text = "\n".join(body)
    stop = ", stop_loss=stop" if STOPS[genome.words["stop"]].code else ""
    imports = ["import numpy as np", *(["import talib"] if "talib" in uses else [])]
    also = [piece.says for piece in genome.pieces[1:] if piece.says]
    turned = "too many wait for what is usual, so its opposite pays; usual is: " if genome.against else ""
    thesis = f"Thesis: {turned}{signal.says}"
    names = "Bars, Params, Targets, ops" if "ops." in text else "Bars, Params, Targets"
    return "\n".join(
        [
            f'"""{_title(genome)}.',
            "",
            f"{'; '.join([thesis, *also])}.",
            f"{MARK}{genome.name}.",
            "Dies when: costs eat what the signal earns, or the market changes its habit.",
            '"""',
            "",
            *imports,
            "",
            f"from autarch.strategy import {names}",
            "",
            "",
            "def decide(bars: Bars, p: Params) -> Targets:",
            '    """Hold the side of the signal, sized and stopped as the thesis says."""',
            *(f"    {line}" for line in body),
            f"    return Targets(exposure=exposure{stop})",
            "",
        ]
    )


def _title(genome: Genome) -> str:
    shown = [genome.words[kind] for kind, _ in KINDS if genome.words[kind] not in {"always", "none"}]
    return f"Scripted {' '.join(shown)}{' turned round' if genome.against else ''}"


def _end(span: Range, value: float) -> str:
    return str(int(value)) if span.whole else _number(float(value))


def _number(value: float) -> str:
    if isinstance(value, int):
        return str(value)
    text = format(value, ".6g")
    return text if "." in text or "e" in text else f"{text}.0"
