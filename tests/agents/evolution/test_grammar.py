"""What chance writes is always a strategy: it parses, names itself, and passes the source policy."""

from __future__ import annotations

import ast
import random

import pytest
from agents.evolution import grammar, growing
from agents.evolution.blind import Grammar
from agents.evolution.trees import Written
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


def test_a_signal_turned_round_twice_is_the_signal() -> None:
    one = grammar.create(random.Random(5), slug="one", symbols=SYMBOLS, interval="15m")

    once = growing.turned(random.Random(0), one, "one")
    assert once is not None
    twice = growing.turned(random.Random(0), once, "one")

    assert twice is not None
    assert ast.dump(ast.parse(twice.code)) == ast.dump(ast.parse(one.code)) != ast.dump(ast.parse(once.code))


def test_joined_signals_keep_both_parents_numbers_under_names_of_their_own() -> None:
    one, other = (grammar.create(random.Random(n), slug=f"drawn_{n}", symbols=SYMBOLS, interval="15m") for n in (5, 6))
    mine, theirs = (parse_manifest(w.manifest, slug=f"drawn_{n}") for w, n in ((one, 5), (other, 6)))

    both = growing.joined(random.Random(0), one, other, "both")

    assert both is not None
    source = parse_source(slug="both", manifest_bytes=both.manifest, code=both.code)
    assert check_source(source) == ()
    assert mine.params.items() <= source.manifest.params.items()
    moved = [value for name, value in source.manifest.params.items() if name not in mine.params]
    assert sorted(moved) == sorted(v for n, v in theirs.params.items() if n not in {"entry", "brake"})


def test_a_signal_grows_to_four_terms_and_no_further() -> None:
    rng, one = random.Random(1), grammar.create(random.Random(5), slug="one", symbols=SYMBOLS, interval="15m")
    term = growing.Term(expression=ast.parse("bars.funding", mode="eval").body, values={})
    before = one.code.count(b" + ")
    while (larger := growing.grown(rng, one, term, "one")) is not None:
        one = larger

    tree = ast.parse(one.code)
    signal = next(
        n.value for n in ast.walk(tree) if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "signal"
    )
    joints = 0
    while isinstance(signal, ast.BinOp) and isinstance(signal.op, ast.Add | ast.Sub):
        joints, signal = joints + 1, signal.left
    assert before < joints == growing.TERMS_MAX - 1


def test_a_term_that_needs_what_a_file_does_not_import_is_not_added() -> None:
    plain = next(seed for seed in seeds() if b"import talib" not in seed.code)
    term = growing.Term(expression=ast.parse("talib.EMA(bars.close, 5)", mode="eval").body, values={})

    assert growing.grown(random.Random(0), plain, term, "one") is None
