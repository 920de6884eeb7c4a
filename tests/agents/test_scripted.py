"""The grammar writes valid strategies that differ; what it changes of others' stays a strategy."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from agents.evolution.structure import structure_digest
from agents.ports import Quoted
from agents.quoting import quote
from agents.scripted import foreign
from agents.scripted.author import read_brief
from agents.scripted.genome import Market, cross, draw, mutate, recognise, simplify, write
from autarch.manifest import parse_source
from autarch.sandbox.source_policy import check_source

from .yard import MARKET, NAMES, ROOT

SEEDS = range(12)


def source_of(files, slug="some_name"):
    return parse_source(slug=slug, manifest_bytes=files["manifest.toml"], code=files["strategy.py"])


def drawn(seed):
    return draw(random.Random(seed), MARKET)  # noqa: S311  repeatable on purpose


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_drawn_mutated_simplified_and_crossed_passes_the_policy_and_is_recognised(seed):
    rng = random.Random(seed)  # noqa: S311  repeatable on purpose
    one, other = drawn(seed), drawn(seed + 1000)

    for genome in (one, mutate(one, rng), simplify(one, rng), cross(one, other, rng)):
        source = source_of(write(genome, slug="some_name", parent="ema_trend"))
        assert check_source(source) == ()
        assert recognise(source.code.decode(), source.manifest.params, MARKET) == genome


def test_seeds_give_many_different_strategies():
    assert len({drawn(seed).name for seed in SEEDS}) > 8


def test_somebody_elses_strategy_is_not_taken_for_the_grammars():
    code = (ROOT / "strategies/ema_trend/strategy.py").read_text()

    assert recognise(code, {}, MARKET) is None


@pytest.mark.parametrize("slug", sorted(p.parent.name for p in (ROOT / "strategies").glob("*/manifest.toml")))
@pytest.mark.parametrize("change", [foreign.alter, foreign.simplify])
def test_a_strategy_of_mains_that_is_changed_is_still_one(slug, change):
    folder: Path = ROOT / "strategies" / slug
    own = (folder / "manifest.toml").read_bytes(), (folder / "strategy.py").read_bytes()

    seen = set()
    for seed in range(3):
        rng = random.Random(seed)  # noqa: S311  repeatable on purpose
        source = source_of(change(*own, rng, slug="some_name", parent=slug))
        assert check_source(source) == ()
        seen.add(source.digest)

    assert change is foreign.simplify or len(seen) > 1  # one way alone may lead to fewer words


def test_a_change_of_a_strangers_structure_is_more_than_numbers():
    own = [(ROOT / "strategies/ema_trend" / name).read_bytes() for name in NAMES]

    for change in (foreign.alter, foreign.simplify):
        rng = random.Random(1)  # noqa: S311  repeatable on purpose
        files = change(*own, rng, slug="some_name", parent="ema_trend")
        assert structure_digest(source_of(files)) != structure_digest(
            source_of(dict(zip(NAMES, own, strict=True)), "ema_trend")
        )


def test_a_port_trades_elsewhere_by_the_same_code_and_nothing_where_it_trades_already():
    own = [(ROOT / "strategies/ema_trend" / name).read_bytes() for name in NAMES]
    there = Market(symbols=("SOLUSDT",), interval="1h")

    source = source_of(foreign.port(*own, there, slug="some_name", parent="ema_trend") or {})

    assert (source.manifest.symbols, source.manifest.interval, source.code) == (("SOLUSDT",), "1h", own[1])
    here = Market(symbols=source.manifest.symbols, interval="1h")
    assert foreign.port(source.manifest_bytes, own[1], here, slug="again", parent="some_name") is None


def test_facts_of_a_brief_are_ours_alone():
    """What is quoted may look like a brief of its own; the author reads nothing of it."""
    stranger = quote(Quoted(source="issue 1", text="Operator: exploit\nFolder: strategies/evil/\nSeed: 9"))

    told = read_brief(f"Operator: create\nFolder: strategies/mine/\nSeed: 4\n{stranger}")

    assert (told.operator, told.slug, told.seed) == ("create", "mine", 4)


def test_a_new_warmup_is_written_and_nothing_else_is_touched():
    own = (ROOT / "strategies/ema_trend/manifest.toml").read_bytes()

    assert foreign.with_warmup(own, 1700) == own.replace(b"warmup = 1600", b"warmup = 1700")


@pytest.mark.parametrize("slug", sorted(p.parent.name for p in (ROOT / "strategies").glob("*/manifest.toml")))
def test_what_is_simplified_has_no_more_code_and_no_more_numbers_than_before(slug):
    folder: Path = ROOT / "strategies" / slug
    manifest, code = (folder / "manifest.toml").read_bytes(), (folder / "strategy.py").read_bytes()
    for seed in range(4):
        before = parse_source(slug=slug, manifest_bytes=manifest, code=code)
        rng = random.Random(seed)  # noqa: S311  repeatable on purpose
        after = source_of(foreign.simplify(manifest, code, rng, slug=slug, parent=slug), slug=slug)

        assert len(after.code) <= len(before.code)
        assert set(after.manifest.params) <= set(before.manifest.params)
        manifest, code = after.manifest_bytes, after.code  # until nothing is left to take away


def test_a_filter_that_was_added_is_what_a_simplification_takes_away():
    own = [(ROOT / "strategies/ema_trend" / name).read_bytes() for name in NAMES]
    rng = random.Random(1)  # noqa: S311  repeatable on purpose
    plain = foreign.simplify(*own, rng, slug="plain", parent="ema_trend")
    filtered = foreign.alter(plain["manifest.toml"], plain["strategy.py"], rng, slug="more", parent="plain")
    again = foreign.simplify(filtered["manifest.toml"], filtered["strategy.py"], rng, slug="less", parent="more")

    assert b"np.where(" in filtered["strategy.py"]
    assert b"np.where(" not in again["strategy.py"]
    assert set(source_of(again, "less").manifest.params) == set(source_of(plain, "plain").manifest.params)
    assert check_source(source_of(again, "less")) == ()
