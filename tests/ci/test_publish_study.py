"""What a proposal's commits own up to, read as a stranger's data."""

from __future__ import annotations

import pytest

from autarch.canonical import canonical_json, sha256_hex
from autarch.evidence.ledger_entry import InnerTrials
from ci.publish_study import STUDY_BYTES_MAX, cutoff_ms, inner_trials

PACKED = canonical_json({"trials": [{"sharpe": 1.0}, {"sharpe": 3.0}]})
DIGEST = sha256_hex(PACKED)
STUDIES = {DIGEST: PACKED}


def test_commits_that_speak_of_no_trials_have_none():
    assert inner_trials([{}, {"Agent": "tuner"}], STUDIES.get) is None


def test_the_larger_of_what_is_said_and_what_is_packed_counts():
    said_less = inner_trials([{"Trials": "1", "Study": DIGEST}], STUDIES.get)
    said_more = inner_trials([{"Trials": "9", "Study": DIGEST}], STUDIES.get)

    assert said_less == InnerTrials(count=2, sharpe_variance=2.0, sidecar=DIGEST)  # ((1-2)^2 + (3-2)^2) / 1
    assert said_more.count == 9


def test_commits_add_up_and_one_study_named_twice_counts_once():
    trailers = [{"Trials": "5"}, {"Trials": "2", "Study": DIGEST}, {"Trials": "2", "Study": DIGEST}]

    assert inner_trials(trailers, STUDIES.get).count == 7


@pytest.mark.parametrize("said", ["-1", "1e9", "lots", "9" * 12, "\u0663", ""])
def test_a_number_that_is_none_says_nothing(said):
    assert inner_trials([{"Trials": said}], STUDIES.get) is None


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b'{"trials":3}', b'{"trials":[{"sharpe":"high"}]}', b"\xff", b" " * (STUDY_BYTES_MAX + 1)],
)
def test_a_study_that_does_not_parse_is_no_study(content):
    digest = sha256_hex(content)

    assert inner_trials([{"Trials": "4", "Study": digest}], {digest: content}.get) == InnerTrials(count=4)


def test_bytes_under_another_name_or_a_name_that_is_no_digest_are_not_read():
    other = sha256_hex(b"other")

    assert inner_trials([{"Trials": "4", "Study": other}], {other: PACKED}.get) == InnerTrials(count=4)
    assert inner_trials([{"Trials": "4", "Study": "../x"}], pytest.fail) == InnerTrials(count=4)


def test_the_latest_cutoff_that_a_proposal_owns_up_to_counts_to_the_end_of_its_day() -> None:
    # 1970-01-03 ends three days after the epoch
    told = [{"Knowledge-Cutoff": "1970-01-02"}, {}, {"Knowledge-Cutoff": "1970-01-03"}, {"Knowledge-Cutoff": "soon"}]

    assert cutoff_ms(told) == 3 * 86_400_000
    assert cutoff_ms([{}, {"Knowledge-Cutoff": "9999999"}]) is None
