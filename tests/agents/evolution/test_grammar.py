"""What chance writes is always a strategy: it parses, names itself, and passes the source policy."""

from __future__ import annotations

import ast
import random

import pytest
from agents.evolution import grammar, growing
from agents.evolution.blind import Grammar
from agents.evolution.trees import Written
from agents.evolution.writing import with_added
from agents.ports import Brief, NoProposalError, Parent
from autarch.manifest import SearchRange, parse_manifest, parse_source
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
    moved = {name: value for name, value in source.manifest.params.items() if name not in mine.params}
    assert 0.1 <= moved.pop("weight_0") <= 1.0
    assert sorted(moved.values()) == sorted(v for n, v in theirs.params.items() if n not in {"entry", "brake"})


def test_a_term_that_was_added_once_can_be_added_again() -> None:
    one = grammar.create(random.Random(5), slug="one", symbols=SYMBOLS, interval="15m")
    expression = ast.parse("talib.ROCP(bars.close, p.long_0)", mode="eval").body
    span = SearchRange(low=40, high=160, step=1)
    term = growing.Term(expression=expression, params={"long_0": 50}, search={"long_0": span})

    first, second = (growing.grown(random.Random(0), one, term, "one") for _ in range(2))

    assert first is not None
    assert first == second
    assert ast.unparse(expression) == "talib.ROCP(bars.close, p.long_0)"


def test_what_is_added_to_a_manifest_keeps_its_range_of_every_kind() -> None:
    bare = grammar.create(random.Random(5), slug="one", symbols=SYMBOLS, interval="15m").manifest
    spans = {"a": SearchRange(low=0, high=4, step=1), "b": SearchRange(low=0.5, high=2.0, log=True), "c": None}

    manifest = parse_manifest(with_added(bare, {"a": 2, "b": 1.5, "c": 7}, search=spans), slug="one")

    assert {name: manifest.params[name] for name in spans} == {"a": 2, "b": 1.5, "c": 7}
    assert {name: manifest.search.get(name) for name in spans} == spans


def test_what_is_simplified_never_has_more_terms() -> None:
    plain = Written(manifest=seeds()[0].manifest, code=b"def decide(bars, p):\n    signal = bars.close\n")
    for number in range(10):
        assert grammar.simplify(random.Random(number), plain, slug="one").code == plain.code


def test_a_number_in_log_scale_stays_in_its_range() -> None:
    one = grammar.create(random.Random(5), slug="one", symbols=SYMBOLS, interval="15m")
    rng, text = random.Random(0), one.manifest.decode()
    text = text[: text.index("[params]")] + "[params]\nw = 0.2\n[search]\nw = {low = 0.1, high = 10.0, log = true}\n"
    seen = []
    for _ in range(30):
        text = grammar.mutate(rng, Written(manifest=text.encode(), code=b""), slug="one").manifest.decode()
        seen.append(parse_manifest(text.encode(), slug="one").params["w"])

    assert all(0.1 <= value <= 10.0 for value in seen)
    assert len(set(seen)) > 15


def test_a_signal_grows_to_four_terms_and_no_further() -> None:
    rng, one = random.Random(1), grammar.create(random.Random(5), slug="one", symbols=SYMBOLS, interval="15m")
    term = growing.Term(expression=ast.parse("bars.funding", mode="eval").body, params={}, search={})
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
    term = growing.Term(expression=ast.parse("talib.EMA(bars.close, 5)", mode="eval").body, params={}, search={})

    assert growing.grown(random.Random(0), plain, term, "one") is None
