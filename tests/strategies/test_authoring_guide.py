"""What docs/strategy_authoring.md tells an author is true."""

import re
from pathlib import Path

import numpy as np

from autarch.cli.main import main
from autarch.manifest import parse_source
from autarch.metrics.shown import GROUPS
from autarch.sandbox.source_policy import check_source
from autarch.strategy import Bars, Params, check_targets, ops
from autarch.strategy.contract import CALENDAR, COLUMNS

GUIDE = (Path(__file__).parents[2] / "docs" / "strategy_authoring.md").read_text(encoding="utf-8")


def example():
    manifest, code = (re.search(rf"```{kind}\n(.*?)```", GUIDE, re.DOTALL)[1] for kind in ("toml", "python"))
    return parse_source(slug="calm_carry", manifest_bytes=manifest.encode(), code=code.encode())


def test_the_example_passes_the_policy():
    assert [str(f) for f in check_source(example())] == []


def test_the_example_answers_as_the_contract_asks():
    source, n = example(), 1_000
    rng = np.random.default_rng(3)
    columns = {name: rng.uniform(1, 2, n) for name in (*COLUMNS, *CALENDAR)}
    columns["funding"] = rng.normal(0, 3e-4, n)
    coin = Bars.build(columns, first_bar=0, interval_ms=900_000)
    bars = Bars.build(columns, first_bar=0, interval_ms=900_000, context={"SOLUSDT": coin})
    space = {}
    exec(compile(source.code, "strategy.py", "exec"), space)  # noqa: S102  the guide's own text

    targets = space["decide"](bars, Params(source.manifest.params))
    exposure, stop, _ = check_targets(
        targets, n_rows=n, n_symbols=1, mode="each", max_leverage=1.0, counts_from=source.manifest.warmup
    )

    assert set(np.unique(exposure)) == {-0.5, 0.0}
    assert (stop == 0.05).all()


def test_the_table_of_helpers_lists_every_one_and_no_other():
    helpers = GUIDE.split("## Helpers")[1].split("\n## ")[0]
    rows = re.findall(r"^\| `(\w+)\(", helpers, re.MULTILINE)

    assert sorted(rows) == sorted(ops.__all__)


def test_the_columns_named_are_those_there_are():
    named = re.search(r"`bars\.([\w ]+)`", GUIDE)[1].split()

    assert named == [*COLUMNS, *CALENDAR]


def test_the_metrics_and_options_it_explains_exist(capsys) -> None:
    section = GUIDE.partition("## Trying it")[2].partition("\n## ")[0]
    names = {name for _, rows in GROUPS for name in rows}
    rows = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    explained = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert main(["backtest", "--help"]) == 0
    shown = capsys.readouterr().out

    assert len(explained) > 8
    assert explained <= names
    assert set(re.findall(r"--[a-z][a-z-]+", section)) <= set(re.findall(r"--[a-z][a-z-]+", shown))
