"""`autarch backtest` as a user types it: whole processes, pinned, confined, with their exit codes."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from .backtest_yard import Yard, make_yard

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def yard(tmp_path_factory, root) -> Yard:
    made = make_yard(tmp_path_factory.mktemp("yard"), root)
    policy = made.root / "ci/policy.toml"
    policy.write_text(policy.read_text().replace("cuts = 6000", "cuts = 100"))
    return made


def autarch(yard: Yard, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-P", "-m", "autarch", *arguments],
        cwd=yard.root / "strategies",
        env={**os.environ, "AUTARCH_DATA_TRAIN": yard.stores.train, "AUTARCH_DATA_HOLDOUT": "/nowhere", **environment},
        capture_output=True,
        text=True,
        check=False,
    )


def test_the_numbers_are_the_gate_s_own(yard):
    played = autarch(yard, "backtest", "probe", "--json")
    judged = autarch(yard, "gate", "probe", "--json")

    assert played.returncode == 0, played.stderr
    [column] = json.loads(played.stdout)["parts"][0]["columns"]
    assert column["metrics"] == json.loads(judged.stdout)["metrics"]["train"], judged.stderr


def test_the_object_is_one_canonical_line_and_the_same_bytes_whatever_the_environment(yard):
    once = autarch(yard, "backtest", "--compare", "probe", f"probe@{yard.first[:8]}", "--json")
    again = autarch(
        yard,
        "backtest",
        "--compare",
        "probe",
        f"probe@{yard.first[:8]}",
        "--json",
        PYTHONHASHSEED="77",
        TZ="Asia/Tokyo",
    )

    assert once.returncode == again.returncode == 0, once.stderr
    assert once.stdout == again.stdout
    found = json.loads(once.stdout)
    assert json.dumps(found, sort_keys=True).count("\n") == 0
    assert list(found) == sorted(found)
    assert found["kind"] == "comparison"


def test_text_goes_to_stdout_narration_and_timings_to_stderr(yard, tmp_path):
    page = tmp_path / "page.html"

    done = autarch(yard, "backtest", "--portfolio", "--html", str(page), "--timings")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("together: account paper")
    assert "charts written" in done.stderr
    assert "process start to printed result" in done.stderr
    assert "process start" not in done.stdout
    assert page.read_text().startswith("<!doctype html>")


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["broken"], 1, "strategies/broken/strategy.py:"),
        (["prob"], 2, "did you mean probe?"),
        (["probe", "--dataset", "hils"], 2, "did you mean hills?"),
        (["probe", "--param", "fats=1"], 2, "did you mean fast?"),
        (["probe", "--split", "forward"], 3, "autarch data synth --name hills"),
    ],
)
def test_what_goes_wrong_has_its_exit_code_and_next_step_and_no_answer(yard, arguments, code, told):
    done = autarch(yard, "backtest", *arguments, AUTARCH_DATA_FORWARD="/nowhere")

    assert (done.returncode, done.stdout) == (code, ""), done.stderr
    assert told in done.stderr
    assert "Traceback" not in done.stderr


def test_a_damaged_byte_is_no_number(yard, tmp_path):
    store = tmp_path / "train"
    store.mkdir()
    for blob in sorted(Path(yard.stores.train).iterdir()):
        content = bytearray(blob.read_bytes())
        content[len(content) // 2] ^= 1
        (store / blob.name).write_bytes(content)

    done = autarch(yard, "backtest", "probe", AUTARCH_DATA_TRAIN=str(store))

    assert (done.returncode, done.stdout) == (3, "")
    assert "SHA-256" in done.stderr
