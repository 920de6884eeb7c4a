"""What a seal binds, hides, and gives back to whoever holds the key."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from autarch.errors import RefusedError
from autarch.evidence.sealing import opened, place_key, require_sealed, seal

KEY, OTHER = place_key(b"gate", "one"), place_key(b"gate", "two")
Numbers = st.dictionaries(st.text(max_size=8), st.floats(-1e9, 1e9) | st.text(max_size=20))


@given(numbers=Numbers)
def test_what_was_sealed_opens_with_its_key_and_no_other(numbers) -> None:
    sealed = seal(KEY, numbers)

    assert opened(KEY, sealed) == numbers
    with pytest.raises(RefusedError, match="does not open"):
        opened(OTHER, sealed)


def test_the_length_of_a_seal_says_nothing_of_the_numbers() -> None:
    lengths = {len(seal(KEY, {"word": word, "p": p})) for word in ("worse", "may be promoted") for p in (0.1, 1 / 3)}

    assert len(lengths) == 1


def test_the_numbers_do_not_stand_in_the_seal() -> None:
    assert "0.123456789" not in seal(KEY, {"p": 0.123456789})
    assert seal(KEY, {"p": 0.1}) != seal(OTHER, {"p": 0.1})


@pytest.mark.parametrize("part", ["bound", "hidden"])
def test_a_changed_seal_does_not_open(part) -> None:
    bound, _, hidden = seal(KEY, {"p": 0.1}).partition(":")
    changed = f"{'0' * 64}:{hidden}" if part == "bound" else f"{bound}:{'AAAA' + hidden[4:]}"

    with pytest.raises(RefusedError, match=r"does not open|do not fit"):
        opened(KEY, changed)


def test_a_bare_hmac_of_an_earlier_form_still_binds_and_does_not_open() -> None:
    bare = seal(KEY, {"p": 0.1}).partition(":")[0]

    require_sealed(KEY, {"p": 0.1}, bare)
    with pytest.raises(RefusedError, match="does not open"):
        opened(KEY, bare)
    with pytest.raises(RefusedError, match="do not fit"):
        require_sealed(KEY, {"p": 0.2}, bare)
