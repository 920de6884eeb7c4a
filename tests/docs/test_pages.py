"""What the manual tells a newcomer to type does what the manual says."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.docs.pages import blocks_of, run_page


def clone(root: Path, into: Path) -> dict[str, str]:
    """Clone the project and return an environment in which its commands are this interpreter's."""
    subprocess.run(["git", "clone", "--quiet", str(root), str(into)], check=True)
    here = Path(sys.executable).parent
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("GIT_", "AUTARCH_REAL"))}
    stores = {f"AUTARCH_DATA_{split}": str(into.parent / split.lower()) for split in ("TRAIN", "HOLDOUT", "FORWARD")}
    return {**kept, **stores, "PATH": f"{here}:{os.environ['PATH']}"}


@pytest.mark.slow
def test_the_quick_start_ends_with_a_refusal_understood_and_an_acceptance(root: Path, tmp_path: Path) -> None:
    environment = clone(root, tmp_path / "autarch")

    held = run_page(root / "docs" / "quickstart.md", folder=tmp_path / "autarch", environment=environment)

    assert held == 9


def test_a_page_is_held_to_its_exit_codes_and_to_what_it_shows(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    environment = {"PATH": os.environ["PATH"]}

    page.write_text("```sh expect=1\necho no; exit 1\n```\n```text in=output\nno\n```\n")
    assert run_page(page, folder=tmp_path, environment=environment) == 2

    page.write_text("```sh\nfalse\n```\n")
    with pytest.raises(AssertionError, match="exit 1"):
        run_page(page, folder=tmp_path, environment=environment)

    page.write_text("```sh\necho yes\n```\n```text in=output\nno\n```\n")
    with pytest.raises(AssertionError, match="promises"):
        run_page(page, folder=tmp_path, environment=environment)


def test_what_is_left_to_the_reader_is_not_run() -> None:
    assert list(blocks_of("<!-- by hand -->\n```sh\nrm -rf x\n```\n```python\nprint()\n```\n")) == []
