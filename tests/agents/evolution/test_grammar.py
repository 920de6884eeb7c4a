"""What chance writes is always a strategy: it parses, names itself, and passes the source policy."""

from __future__ import annotations

import random

import pytest
from agents.evolution import grammar
from agents.evolution.blind import Grammar
from agents.evolution.grammar import Written
from agents.ports import Brief, NoProposalError, Parent
from autarch.manifest import parse_manifest, parse_source
from autarch.sandbox.source_policy import check_source

from world import ROOT, SYMBOLS


def seeds() -> list[Written]:
    folders = sorted(path.parent for path in (ROOT / "strategies").glob("*/strategy.py"))
    return [
        Written(manifest=(f / "manifest.toml").read_bytes(), code=(f / "strategy.py").read_bytes()) for f in folders
    ]


def drawn(number: int, pool: list[Written], slug: str) -> Written:
    rng = random.Random(number)
    one, other = rng.choice(pool), rng.choice(pool)
    match number % 5:
        case 0:
            return grammar.create(rng, slug=slug, symbols=SYMBOLS, interval="15m")
        case 1:
            return grammar.mutate(rng, one, slug=slug)
        case 2:
            return grammar.cross(rng, one, other, slug=slug)
        case 3:
            return grammar.simplify(rng, one, slug=slug)
        case _:
            return grammar.port(rng, one, slug=slug, symbols=SYMBOLS)


def test_whatever_is_drawn_edited_grafted_or_cut_passes_the_source_policy() -> None:
    pool = seeds()
    for number in range(50):
        slug = f"drawn_{number}"
        made = drawn(number, pool, slug)

        source = parse_source(slug=slug, manifest_bytes=made.manifest, code=made.code)

        assert check_source(source) == ()
        pool.append(made)


def test_a_graft_brings_the_parameters_it_reads_and_what_is_no_longer_read_goes() -> None:
    one, other = seeds()[2], seeds()[1]
    for number in range(8):
        made = grammar.cross(random.Random(number), one, other, slug="both")
        manifest = parse_manifest(made.manifest, slug="both")
        assert all(f"p.{name}" in made.code.decode() for name in manifest.params)


def test_the_same_brief_gives_the_same_strategy_and_another_attempt_another() -> None:
    proposer = Grammar(symbols=SYMBOLS, interval="15m")
    brief = Brief(operator="create", slug="idea_1", base="0" * 40, seed=1)

    again = proposer.propose(Brief(operator="create", slug="idea_1", base="0" * 40, seed=1))

    assert proposer.propose(brief).files == again.files
    assert proposer.propose(Brief(operator="create", slug="idea_1", base="0" * 40, seed=2)).files != again.files


def test_a_parent_that_does_not_parse_is_no_proposal() -> None:
    broken = Parent(slug="odd", commit="0" * 40, manifest=b'name = "odd"', code=b"def (")
    brief = Brief(operator="mutate", slug="odd_2", base="0" * 40, seed=1, parents=(broken,))

    with pytest.raises(NoProposalError, match="cannot edit odd"):
        Grammar(symbols=SYMBOLS, interval="15m").propose(brief)
