"""`autarch gate` and `autarch verify` as a user types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from autarch.canonical import canonical_json
from autarch.cli.main import main
from autarch.market.lock_toml import lock_toml


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "name one thing to judge"),
        (["strategies/x", "--pr", "3"], "name one thing to judge"),
        (["strategies/x", "--publish"], "--publish goes with --pr"),
        (["--pr", "3", "--publish", "--only", "scope"], "--publish goes with --pr"),
        (["--pr", "0"], "greater than or equal to 1"),
        (["strategies/x", "--html", "."], "is a folder; name a file in it"),
        (["strategies/x", "--html", "no/such/folder/report.html"], "is no folder"),
        (["strategies/x", "--jsn"], "--jsn"),
    ],
)
def test_misuse_is_exit_two_with_the_next_step(arguments, told, capsys) -> None:
    code = main(["gate", *arguments])

    assert code == 2
    assert told in capsys.readouterr().err


@pytest.fixture(scope="module")
def clone(tmp_path_factory, root, bars_on_disk, kit) -> Path:
    folder = tmp_path_factory.mktemp("clone")
    lock, _ = bars_on_disk
    candidate = kit.candidate(kit.trend)
    policy = (root / "ci/policy.toml").read_text()
    policy = policy.replace("cuts = 6000", "cuts = 300").replace('"synthetic"', '"hills"')
    policy = policy.replace("referee_bars = 20000", "referee_bars = 2000")
    files = {
        "ci/policy.toml": policy.encode(),
        "ci/datasets/hills.toml": lock_toml(lock),
        "strategies/probe/manifest.toml": candidate.source.manifest_bytes,
        "strategies/probe/strategy.py": candidate.source.code,
    }
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.invalid"]
    subprocess.run([*git, "init", "-q", "-b", "main", str(folder)], check=True)
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        if name == "ci/datasets/hills.toml":
            subprocess.run([*git, "add", "."], cwd=folder, check=True)
            subprocess.run([*git, "commit", "-q", "-m", "Begin"], cwd=folder, check=True)
    subprocess.run([*git, "checkout", "-q", "-b", "agent/probe-1"], cwd=folder, check=True)
    subprocess.run([*git, "add", "."], cwd=folder, check=True)
    subprocess.run([*git, "commit", "-q", "-m", "Propose"], cwd=folder, check=True)
    return folder


def autarch(folder: Path, stores, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "AUTARCH_DATA_TRAIN": stores.train, "AUTARCH_DATA_HOLDOUT": str(folder / "none")}
    command = [sys.executable, "-P", "-m", "autarch", *arguments]
    return subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)


def without_windows(checks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the checks without what hangs on the base commit: draws, and what stands on main to compare with."""
    drawn = ("referee_fills", "referee_difference")
    shown = [{**c, "measures": [m for m in c["measures"] if m["name"] not in drawn]} for c in checks]
    # Which bars the live path is asked about is drawn by the base commit too.
    shown = [c if c["name"] != "parity" else {**c, "detail": "", "measures": []} for c in shown]
    # Robustness keeps its limits alone, and the sentence names the incumbent: main's own version, or cash for a folder.
    return [c if c["name"] != "robustness" else {**c, "detail": "", "measures": _limits(c)} for c in shown]


def _limits(check: dict[str, Any]) -> list[tuple[str, float]]:
    return [(m["name"], m["value"]) for m in check["measures"] if m["limit"] is not None]


@pytest.mark.slow
def test_from_a_folder_and_a_range_to_a_verified_claim_and_a_caught_lie(clone, bars_on_disk) -> None:
    _, stores = bars_on_disk
    inside = clone / "strategies" / "probe"

    from_folder = autarch(inside, stores, "gate", ".", "--json")
    from_range = autarch(clone, stores, "gate", "main..agent/probe-1", "--json", "--claim", "claim.json")
    verified = autarch(clone, stores, "verify", "claim.json", "--json")
    claim = json.loads((clone / "claim.json").read_bytes())
    claim["trials"] += 1
    (clone / "lie.json").write_bytes(canonical_json(claim))
    lie = autarch(clone, stores, "verify", "lie.json")

    answers = [json.loads(run.stdout) for run in (from_folder, from_range)]
    assert [run.returncode for run in (from_folder, from_range, verified, lie)] == [0, 0, 0, 1], from_folder.stderr
    assert answers[0]["metrics"] == answers[1]["metrics"]
    assert without_windows(answers[0]["checks"]) == without_windows(answers[1]["checks"])
    assert list(answers[1]) == [
        "verdict", "strategy", "kind", "evidence", "dataset", "engine", "trials", "preset", "lane", "holdout",
        "waived",
        "assumed", "platform", "sandbox", "checks", "metrics",
    ]  # fmt: skip
    assert json.loads(verified.stdout)["evidence"] == answers[1]["evidence"]
    assert json.loads(verified.stdout)["verified"] is True
    assert "trials is claimed 1, found 0" in lie.stdout
    assert "causality passed after" in from_folder.stderr


@pytest.mark.slow
def test_without_bars_nothing_is_decided(clone, tmp_path, bars_on_disk) -> None:
    _, stores = bars_on_disk
    nowhere = type(stores).under(tmp_path)

    found = autarch(clone, nowhere, "gate", "strategies/probe")

    assert found.returncode == 3
    assert "AUTARCH_DATA_TRAIN" in found.stdout
