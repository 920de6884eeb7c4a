from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

from agents.ports import UNCONFINED, Brief, Budget, Caps, Parent, Proposal, Quoted, Usage
from autarch.canonical import sha256_hex

BRIEF = Brief(operator="mutate", slug="calm_trend", base="c" * 40, seed=3)


def proposal(**changes):
    kept = {
        "agent": "claude",
        "model": "a-model",
        "brief": BRIEF,
        "files": {},
        "hypothesis": "h",
        "mechanism": "m",
        "falsifier": "f",
        "expected": "e",
        "usage": Usage(usd=Decimal("0.5")),
        "trials": (),
        "study": None,
        "prompt": sha256_hex(b"p"),
        "transcript": sha256_hex(b"t"),
        "summary": "",
    }
    return Proposal(**{**kept, **changes})


def test_a_brief_is_named_by_what_it_asks_and_not_by_what_may_be_spent():
    richer = replace(BRIEF, budget=Budget(call=Caps(usd=Decimal(1))))

    assert richer.digest == BRIEF.digest


def test_every_other_part_of_a_brief_changes_its_name():
    parent = Parent(slug="a_parent", commit="d" * 40, manifest=b"m", code=b"c")
    others = [
        replace(BRIEF, operator="repair"),
        replace(BRIEF, slug="other_trend"),
        replace(BRIEF, base="e" * 40),
        replace(BRIEF, seed=4),
        replace(BRIEF, parents=(parent,)),
        replace(BRIEF, parents=(replace(parent, code=b"C"),)),
        replace(BRIEF, report=""),
        replace(BRIEF, task="x"),
        replace(BRIEF, quoted=(Quoted(source="issue", text="x"),)),
        replace(BRIEF, attempt=2),
    ]

    assert len({BRIEF.digest, *(b.digest for b in others)}) == len(others) + 1


def test_usage_adds_up_field_by_field():
    one = Usage(input_tokens=1, cache_read=2, cache_write=3, cache_write_long=4, output_tokens=5, turns=1)
    two = Usage(input_tokens=10, output_tokens=20, turns=1, usd=Decimal("0.25"), is_estimate=True)

    both = one + two

    assert both.tokens == 1 + 2 + 3 + 4 + 5 + 10 + 20
    assert (both.turns, both.usd, both.is_estimate) == (2, Decimal("0.25"), True)


def test_an_unconfined_run_stands_in_the_trailers_and_a_confined_one_does_not():
    assert ("Confinement", UNCONFINED) in proposal(confinement=UNCONFINED).trailers()
    assert "Confinement" not in dict(proposal().trailers())


def test_trailers_tell_the_cost_in_plain_digits():
    trailers = dict(proposal(usage=Usage(usd=Decimal("1E-7"))).trailers())

    assert trailers["Cost-USD"] == "0.000000"
