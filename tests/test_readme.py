"""The README's terminal session is what the demo really prints, and the demo really ends with a reason."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

SESSION = re.compile(r"(<!-- session: .*? -->\n```\n)(.*?)(```\n<!-- /session -->)", re.DOTALL)
LAST_STEP = "== 6."


@pytest.fixture(scope="module")
def demo_output(root: Path, tmp_path_factory: pytest.TempPathFactory) -> str:
    workspace = tmp_path_factory.mktemp("demo") / "workspace"
    done = subprocess.run(
        [sys.executable, "-P", "-m", "autarch", "demo", "--dir", workspace],
        cwd=root,
        capture_output=True,
        text=True,
        timeout=900,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def shape(text: str) -> str:
    """Return `text` without what differs from run to run: digests, keys, times of the day, ports, paths."""
    text = re.sub(r"SHA256:[A-Za-z0-9+/=]+", "SHA256:#", text)
    text = re.sub(r"\b[0-9a-f]{7,64}\b", "#", text)
    text = re.sub(r"\[\d+ s\]", "[# s]", text)
    text = re.sub(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\d(\.\d+)?)?Z?", "<time>", text)
    return re.sub(r"\b(at-)?[a-z2-7]{26,32}\b", "<id>", text)


def last_step(output: str) -> str:
    """Return the last step without the authors' addresses, which are whoever built this clone's history."""
    step = output[output.index(LAST_STEP) :].strip() + "\n"
    return re.sub(r"^ +author .*\n", "", step, flags=re.MULTILINE)


@pytest.mark.slow
def test_the_readme_shows_what_the_demo_prints(demo_output: str, root: Path, request: pytest.FixtureRequest) -> None:
    readme = root / "README.md"
    text = readme.read_text("utf-8")
    found = SESSION.search(text)
    assert found is not None

    if request.config.getoption("--update-golden"):
        readme.write_text(SESSION.sub(lambda m: m[1] + last_step(demo_output) + m[3], text), "utf-8")
        found = SESSION.search(readme.read_text("utf-8"))
        assert found is not None

    assert shape(found[2]) == shape(last_step(demo_output))


@pytest.mark.slow
def test_the_demo_ends_with_a_chain_from_a_fill_to_the_tuners_pull_request(demo_output: str) -> None:
    chain = last_step(demo_output)

    links = ["fill ", "order ", "decision ", "release ", "release evidence ", "merge ", "pull request evidence "]
    links += ["ledger ", "agent commit ", "parent "]
    for link in links:
        assert f"<- {link}" in chain or chain.count(f"\n{link}") == 1, link
    assert re.search(r"Pull-Request +1\n", chain)
    assert re.search(r"Agent +tuner\n", chain)
    assert "MISSING" not in chain
    assert "== 4." in demo_output
    assert "\nmerged as " in demo_output
    assert "\nverdict  accepted\n" in demo_output
