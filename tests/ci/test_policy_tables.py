"""The tables of a policy hold values of their range, once and for all."""

from __future__ import annotations

import typing

import msgspec
import pytest

from ci.policy import load_policy
from ci.policy_tables import Fraction, Tables

TABLES = {name: kind for name, kind in typing.get_type_hints(Tables).items() if isinstance(kind, type)}
STRUCTS = sorted(name for name, kind in TABLES.items() if issubclass(kind, msgspec.Struct))


@pytest.mark.parametrize("name", STRUCTS)
def test_no_table_of_a_parsed_policy_can_be_changed(root, name: str) -> None:
    table = getattr(load_policy(root), name)

    with pytest.raises(AttributeError, match="immutable"):
        setattr(table, table.__struct_fields__[0], 0)


@pytest.mark.parametrize(("value", "fits"), [(0.0, True), (1.0, True), (-0.001, False), (1.001, False)])
def test_a_fraction_lies_between_none_and_all(value, fits) -> None:
    if fits:
        assert msgspec.convert(value, Fraction) == value
    else:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert(value, Fraction)
