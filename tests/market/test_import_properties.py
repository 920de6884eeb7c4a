"""However rows are spread over files, they are the same data set; whatever is wrong with one cell, it is refused."""

from __future__ import annotations

import tempfile
from itertools import pairwise
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import given, settings
from hypothesis import strategies as st
from pyarrow import feather

from autarch.errors import DataError
from autarch.market.build import build
from autarch.market.importer import import_recipe

from .conftest import NOW, Tree

ENDS = (".parquet", ".feather", ".csv")
WORST = st.sampled_from([np.nan, np.inf, -np.inf, 0.0, -1.0, 1e-300, 1e300])


def write(file: Path, table: dict[str, np.ndarray]) -> None:
    if file.suffix == ".parquet":
        pq.write_table(pa.table(table), file)
    elif file.suffix == ".feather":
        feather.write_feather(pa.table(table), str(file))
    else:
        rows = zip(*[[repr(value) for value in column.tolist()] for column in table.values()], strict=True)
        file.write_text("\n".join([",".join(table), *(",".join(row) for row in rows)]) + "\n")


def small(folder: str) -> Tree:
    return Tree(Path(folder) / "bars", n=192)


@settings(max_examples=15)
@given(cuts=st.sets(st.integers(1, 191), max_size=3), ends=st.lists(st.sampled_from(ENDS), min_size=4, max_size=4))
def test_any_cut_into_files_of_any_format_is_the_same_series(cuts, ends):
    with tempfile.TemporaryDirectory() as folder:
        tree = small(folder)
        request = tree.request(symbols=("BTCUSDT",))
        whole = build(import_recipe(request, now_ms=NOW)).lock.series
        table = tree.tables["BTCUSDT/kline-15m.parquet"]
        (tree.root / "BTCUSDT" / "kline-15m.parquet").unlink()
        edges = [0, *sorted(cuts), 192]
        for number, (start, end) in enumerate(pairwise(edges)):
            part = {name: column[start:end] for name, column in table.items()}
            write(tree.root / "BTCUSDT" / f"kline-15m.{9 - number}{ends[number]}", part)  # names against the order

        assert build(import_recipe(request, now_ms=NOW)).lock.series == whole


@settings(max_examples=30)
@given(
    row=st.integers(0, 191),
    column=st.sampled_from(["open", "high", "low", "close", "volume"]),
    value=WORST,
    end=st.sampled_from(ENDS),
)
def test_one_impossible_cell_is_refused_with_its_row(row, column, value, end):
    with tempfile.TemporaryDirectory() as folder:
        tree = small(folder)
        request = tree.request(symbols=("BTCUSDT",))
        table = {name: cells.copy() for name, cells in tree.tables["BTCUSDT/kline-15m.parquet"].items()}
        table[column][row] = value
        (tree.root / "BTCUSDT" / "kline-15m.parquet").unlink()
        write(tree.root / "BTCUSDT" / f"kline-15m{end}", table)
        harmless = (column == "volume" and 0 <= value < np.inf) or (column == "low" and value == 1e-300) or (
            column == "high" and value == 1e300
        )  # fmt: skip

        try:
            found = import_recipe(request, now_ms=NOW).name
        except DataError as error:
            found = str(error)

        assert (found == "tiny") if harmless else f"row {row}, ts {table['ts'][row]}" in found
