from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from autarch.cli.main import main
from autarch.market.lock import load_lock

DAY0 = 1_704_067_200_000
STEP = 900_000
SMALL = ["--bars", "1000"]


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project folder to stand in and a private cache; no store named by the environment."""
    project = tmp_path / "project"
    (project / "ci" / "datasets").mkdir(parents=True)
    (project / "deep" / "er").mkdir(parents=True)
    monkeypatch.chdir(project / "deep" / "er")
    monkeypatch.setenv("AUTARCH_CACHE", str(tmp_path / "cache"))
    for name in ("AUTARCH_DATA_TRAIN", "AUTARCH_DATA_HOLDOUT", "AUTARCH_DATA_FORWARD", "AUTARCH_WORKSPACE"):
        monkeypatch.delenv(name, raising=False)
    return project


def bare(tmp_path):
    """No byte in a store, no lock, no leftover."""
    cache, locks = tmp_path / "cache", tmp_path / "project" / "ci" / "datasets"
    return not cache.exists() and not list(locks.iterdir())


def test_synth_makes_a_lock_and_its_bytes_and_agrees_with_itself(home, capsys):
    assert main(["data", "synth", "--name", "tiny", *SMALL]) == 0
    lock = load_lock(home / "ci" / "datasets" / "tiny.toml")
    assert lock.ref in capsys.readouterr().out

    assert main(["data", "verify"]) == 0
    assert f"sound  {lock.ref}  train, holdout, forward" in capsys.readouterr().out
    assert main(["data", "synth", "--name", "tiny", *SMALL]) == 0
    assert "unchanged" in capsys.readouterr().out


def test_bytes_lost_from_the_cache_are_made_again_from_the_committed_lock(home, tmp_path):
    main(["data", "synth", "--name", "tiny", *SMALL])
    before = (home / "ci" / "datasets" / "tiny.toml").read_bytes()
    for file in (tmp_path / "cache").rglob("*.bin"):
        file.unlink()

    assert main(["data", "verify", "tiny"]) == 3
    assert main(["data", "synth", "--name", "tiny", *SMALL]) == 0
    assert main(["data", "verify", "tiny"]) == 0
    assert (home / "ci" / "datasets" / "tiny.toml").read_bytes() == before


@pytest.mark.parametrize("other", [["--seed", "3"], ["--edges", "none"], ["--bars", "1001"], ["--splits", "50,25,25"]])
def test_synth_refuses_when_its_bytes_are_not_those_of_the_lock(tmp_path, capsys, other):
    main(["data", "synth", "--name", "tiny", *SMALL])
    before = sorted((tmp_path / "cache").rglob("*"))

    assert main(["data", "synth", "--name", "tiny", *SMALL, *other]) == 3

    assert "Nothing was written" in capsys.readouterr().err
    assert sorted((tmp_path / "cache").rglob("*")) == before


def test_a_machine_that_makes_other_bytes_of_the_same_seed_is_told_so(home, capsys):
    main(["data", "synth", "--name", "tiny", *SMALL])
    path = home / "ci" / "datasets" / "tiny.toml"
    lock = load_lock(path)
    path.write_text(path.read_text().replace(lock.series[0].train.sha256, "0" * 64))

    assert main(["data", "synth", "--name", "tiny", *SMALL]) == 3

    text = capsys.readouterr().err
    assert "BTCUSDT kline 15m differs" in text
    assert "requirements.lock" in text


def test_import_verify_and_list(tree, capsys):
    tree.write()
    command = ["data", "import", str(tree.root), "--name", "real", "--symbols", "BTCUSDT,ETHUSDT", "--interval", "15m"]

    assert main([*command, "--splits", "50,25,25", "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["digest"] == load_lock(Path(answer["lock"])).digest
    assert main(["data", "verify", "real", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {f"real@{answer['digest']}": {"ok": True, "faults": []}}
    assert main(["data", "ls", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed[0]["splits"]["train"] == {
        "start_ms": DAY0,
        "end_ms": DAY0 + 192 * STEP,
        "bars": 2 * 192,
        "present": 5,  # kline, mark, funding of two symbols; both have the same funding, stored once
        "blobs": 5,
    }
    assert "BTCUSDT.risk_tiers" in listed[0]["assumed"]


def test_a_refused_import_leaves_nothing_behind(tree, tmp_path, capsys):
    tree.tables["ETHUSDT/kline-15m.parquet"]["high"][-1] = 1.0
    tree.write()

    code = main(
        ["data", "import", str(tree.root), "--name", "real", "--symbols", "BTCUSDT,ETHUSDT", "--interval", "15m"]
    )

    assert code == 3
    assert "ETHUSDT/kline-15m.parquet row 383" in capsys.readouterr().err
    assert bare(tmp_path)


def test_an_import_whose_store_fails_leaves_no_lock(tree, tmp_path, monkeypatch, capsys):
    tree.write()
    (tmp_path / "occupied").write_bytes(b"")
    monkeypatch.setenv("AUTARCH_DATA_FORWARD", str(tmp_path / "occupied" / "forward"))

    code = main(["data", "import", str(tree.root), "--name", "real", "--symbols", "BTCUSDT", "--interval", "15m"])

    assert code == 3
    assert "forward store" in capsys.readouterr().err
    assert not list((tmp_path / "project" / "ci" / "datasets").iterdir())


def test_another_import_of_the_same_name_needs_replace(tree, home, capsys):
    tree.write()
    command = ["data", "import", str(tree.root), "--name", "real", "--symbols", "BTCUSDT", "--interval", "15m"]
    main(command)
    first = load_lock(home / "ci" / "datasets" / "real.toml").digest

    assert main([*command, "--splits", "40,30,30"]) == 3
    assert "--replace" in capsys.readouterr().err
    assert load_lock(home / "ci" / "datasets" / "real.toml").digest == first
    assert main([*command, "--splits", "40,30,30", "--replace"]) == 0
    assert load_lock(home / "ci" / "datasets" / "real.toml").digest != first


def test_a_gap_is_declared_on_the_command_line(tree, home, capsys):
    keep = np.ones(tree.n, dtype=bool)
    keep[20:24] = False
    name = "BTCUSDT/kline-15m.parquet"
    tree.tables[name] = {k: v[keep] for k, v in tree.tables[name].items()}
    tree.write()
    command = ["data", "import", str(tree.root), "--name", "real", "--symbols", "BTCUSDT", "--interval", "15m"]

    assert main(command) == 3
    hint = capsys.readouterr().err.split("--declare-gap ")[1].strip().removesuffix("REASON")
    assert main([*command, "--declare-gap", hint + "maintenance"]) == 0

    assert load_lock(home / "ci" / "datasets" / "real.toml").gaps[0].reason == "maintenance"


def test_verify_names_every_damaged_blob_and_ls_every_missing_one(home, tmp_path, capsys):
    main(["data", "synth", "--name", "tiny", *SMALL])
    lock = load_lock(home / "ci" / "datasets" / "tiny.toml")
    first, second = lock.series[0].train.sha256, lock.series[1].holdout.sha256
    file = tmp_path / "cache" / "data" / "train" / f"{first}.bin"
    file.write_bytes(file.read_bytes()[:-1] + b"\x01")
    (tmp_path / "cache" / "data" / "holdout" / f"{second}.bin").unlink()
    capsys.readouterr()

    assert main(["data", "verify", "tiny"]) == 3
    found = capsys.readouterr()
    assert f"DAMAGED  {lock.ref}" in found.out
    assert "tiny BTCUSDT kline 15m train" in found.err
    assert "tiny BTCUSDT mark 1h holdout" in found.err
    assert main(["data", "verify", "tiny", "--split", "forward"]) == 0
    main(["data", "ls"])
    assert "1 of 9 blobs not in store" in capsys.readouterr().out


def test_verify_sees_rows_that_the_bytes_do_not_hold(home, capsys):
    main(["data", "synth", "--name", "tiny", *SMALL])
    path = home / "ci" / "datasets" / "tiny.toml"
    rows = load_lock(path).series[0].train.rows
    path.write_text(path.read_text().replace(f"rows = {rows}", f"rows = {rows + 1}", 1))

    assert main(["data", "verify", "tiny"]) == 3

    assert f"not those of {rows + 1} rows" in capsys.readouterr().err


def test_ls_says_what_is_assumed_and_what_can_be_promoted(home, capsys):
    main(["data", "synth", "--name", "tiny", "--bars", "3600"])
    (home / "ci" / "datasets" / "broken.toml").write_text("schema = 7")

    assert main(["data", "ls"]) == 0

    text = capsys.readouterr().out
    assert "broken  UNREADABLE" in text
    # 3600 bars are 37.5 days, holdout 22.5 to 31.9, judged from 24: 7 days. Level .05 * .4375, z 2.016
    # and 2.016 / sqrt(6 - 2.03) > 1 a day
    assert "promotes nothing: no Sharpe ratio of at most one a day would pass" in text
    assert "first test: level 2.19e-02, on 7 days of the holdout" in text
    assert "costs.impact_k; " in text
    assert "risk_tiers" in text


@pytest.mark.parametrize(
    ("command", "code", "expected"),
    [
        (["data", "ls"], 2, "holds no lock"),
        (["data", "verify", "nothing"], 3, "no dataset lock"),
        (["data", "verify", "--split", "validation"], 2, "not one of train"),
        (["data", "synth", "--splits", "60-25-15"], 2, "write three whole percentages"),
        (["data", "synth", "--name", "../up", *SMALL], 3, "must match"),
        (["data", "synth", "--edges", "luck:1"], 3, "KIND:STRENGTH"),
        (["data", "import", "nowhere", "--name", "x1", "--symbols", "BTCUSDT", "--interval", "15m"], 3, "no folder"),
        (["data", "import", "nowhere"], 2, ""),
    ],
)
def test_misuse_has_its_exit_code_and_next_step(capsys, tmp_path, command, code, expected):
    assert main(command) == code

    assert expected in capsys.readouterr().err
    assert bare(tmp_path)


def test_outside_a_project_a_folder_must_be_named(tmp_path, monkeypatch, capsys):
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    assert main(["data", "ls"]) == 2
    assert "--out" in capsys.readouterr().err
    assert main(["data", "synth", "--name", "tiny", *SMALL, "--out", str(tmp_path / "locks")]) == 0
    assert load_lock(tmp_path / "locks" / "tiny.toml").name == "tiny"


def test_a_workspace_names_the_stores_and_a_broken_one_is_an_error(home, tmp_path, capsys):
    (home / ".autarch").mkdir()
    config = home / ".autarch" / "config.toml"
    config.write_text('schema = 1\n[forge]\nrepository = "a/b"\n[data]\ntrain = "stores/train"\n')

    assert main(["data", "synth", "--name", "tiny", *SMALL]) == 0
    assert list((home / "stores" / "train").glob("*.bin"))
    assert not (tmp_path / "cache" / "data" / "train").exists()

    config.write_text("schema = ")
    assert main(["data", "ls"]) == 2
    assert "config.toml" in capsys.readouterr().err


def test_progress_goes_to_stderr_and_the_answer_to_stdout(tree, capsys):
    tree.write()

    main(["data", "import", str(tree.root), "--name", "real", "--symbols", "BTCUSDT", "--interval", "15m"])

    found = capsys.readouterr()
    assert found.err.startswith("BTCUSDT: 384 bars checked\nassumed, measured by nobody: ")
    assert "min_order_qty" in found.err
    assert "tick_size" not in found.err  # inferred, not assumed
    assert found.out.startswith("real@")
