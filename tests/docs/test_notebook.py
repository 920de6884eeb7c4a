"""The notebook shows what its code prints."""

from __future__ import annotations

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

from autarch import notebook
from autarch.errors import DataError, UsageError
from autarch.market.stores import Stores
from tests.docs.test_pages import clone, run_page

PAGE = Path("docs") / "notebook.ipynb"


def shown(book: nbformat.NotebookNode) -> list[str]:
    """Return the text of every output, in order, without where things lie in memory."""
    outputs = [output for cell in book.cells if cell.cell_type == "code" for output in cell.outputs]
    texts = [output.get("data", {}).get("text/plain", output.get("text", "")) for output in outputs]
    return [re.sub(r"0x[0-9a-f]+", "0x", text) for text in texts]


@pytest.mark.slow
def test_the_notebook_runs_from_top_to_bottom_and_shows_what_it_says(
    root: Path, tmp_path: Path, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    environment = clone(root, tmp_path / "autarch")
    (tmp_path / "synth.md").write_text("```sh\nautarch data synth\n```\n")
    run_page(tmp_path / "synth.md", folder=tmp_path / "autarch", environment=environment)
    for name, value in {**environment, "PYTHONSAFEPATH": "1"}.items():  # the installed package, as in a user's venv
        monkeypatch.setenv(name, value)
    book = nbformat.read(root / PAGE, as_version=4)
    expected = shown(book)

    NotebookClient(book, timeout=600, resources={"metadata": {"path": str(tmp_path / "autarch")}}).execute()

    if request.config.getoption("--update-golden"):
        for cell in book.cells:
            cell.metadata.pop("execution", None)
        nbformat.write(book, root / PAGE)
        expected = shown(book)
    assert len(expected) >= 5
    assert shown(book) == expected


def test_a_strategy_that_is_not_there_is_told_with_its_neighbours(root: Path) -> None:
    with pytest.raises(UsageError, match="there is no strategy 'ema_trent'"):
        notebook.backtest("ema_trent", folder=root)


def test_bars_come_from_train_alone(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def refuse(_: Stores, split: str, digest: str, *, label: str) -> bytes:
        asked.append(split)
        raise DataError(f"{label} {digest} was asked for")

    monkeypatch.setattr(Stores, "read", refuse)

    with pytest.raises(DataError, match="was asked for"):
        notebook.bars("BTCUSDT", folder=root)

    assert set(asked) == {"train"}
