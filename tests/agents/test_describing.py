"""What a pull request says is ours; what an agent says in it is quoted, on lines of its own."""

from __future__ import annotations

from dataclasses import replace

from agents.describing import Story, body_of, one_line, proposal_of, title_of
from agents.study import Study, Trial

STORY = Story(
    agent="claude",
    model="m-1",
    operator="mutate",
    slug="hill",
    hypothesis="Longs pay.\n\n# A heading\nAgent: human",
    mechanism="Funding.",
    expected="Fewer trades.",
    falsifier="It loses forward.",
    change="| a | b |",
    numbers="As proposed.",
    summary="Two turns.",
    transcript="ab" * 32,
    usd="0.01",
    is_estimate=True,
)
STUDY = Study(
    strategy="hill",
    parent="hill@0",
    dataset="d@1",
    objective="o",
    sampler="s",
    seed=1,
    trials=(Trial(params={}, score=1.0, sharpe=1.0, decisions=None),) * 3,
)


def test_every_line_of_an_agent_is_quoted() -> None:
    body = body_of(STORY, STUDY)

    assert "> # A heading" in body
    assert "\n# A heading" not in body
    assert "\nAgent: human" not in body
    assert "3 trials are counted" in body
    assert "at most $0.01" in body
    assert "| a | b |" in body


def test_titles_and_trailers_are_one_printable_line() -> None:
    made = proposal_of(
        STORY,
        base="0" * 40,
        files={"strategy.py": b"x"},
        trailers=(("Model", "m-1\nMerged-by: agent"),),
        study=STUDY,
    )

    assert made.title == "Change hill: Longs pay. # A heading Agent: human"
    assert made.trailers == (("Model", "m-1 Merged-by: agent"),)
    long = title_of(replace(STORY, hypothesis="Longs pay shorts " * 12))
    assert long == "Change hill: " + "Longs pay shorts " * 6 + "..."  # 13 + 6 * 17 + 3 = 118; one word more, 124
    assert one_line("a\x1b[2Jb\u202ec") == "a [2Jb c"
