"""What no runner here enforces: triggers, permissions, timeouts, environments, secrets, concurrency, pins, caches."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from ci.actions.events import GATE_PATH
from ci.actions.minutes import JOBS

from .ground import ROOT

FOLDER = ROOT / ".github/workflows"
FILES = sorted(FOLDER.glob("*.yml"))
WRITES = {
    ("reserve", "reserve"): {"contents"},
    ("publish", "publish"): {"checks", "contents", "pull-requests"},
    ("record", "record"): {"contents"},
    ("commands", "command"): {"actions", "contents", "pull-requests"},
    ("release", "assets"): {"contents"},
    ("errands", "errand"): {"contents", "pull-requests"},
    ("forward", "forward"): {"contents"},
}
ENVIRONMENTS = {
    ("reserve", "reserve"): "publish",
    ("publish", "holdout"): "holdout",
    ("publish", "publish"): "publish",
    ("record", "record"): "publish",
    ("commands", "command"): "publish",
    ("propose", "open"): "agent",
    ("release", "verify"): "verify",
    ("release", "assets"): "live",
    ("errands", "errand"): "judge",
    ("forward", "forward"): "forward",
}
SECRETS = {
    "publish": {"AUTARCH_CI_KEY", "AUTARCH_APP_KEY"},
    "holdout": {"AUTARCH_DATA_HOLDOUT", "AUTARCH_DATA_FORWARD"},
    "agent": {"AUTARCH_AGENT_APP_KEY"},
    "live": set(),
    "verify": {"AUTARCH_DATA_FORWARD"},
    "judge": {"AUTARCH_CI_KEY", "AUTARCH_APP_KEY", "AUTARCH_DATA_HOLDOUT", "AUTARCH_DATA_FORWARD"},
    "forward": {"AUTARCH_CI_KEY", "AUTARCH_APP_KEY", "AUTARCH_DATA_HOLDOUT", "AUTARCH_DATA_FORWARD"},
}
ACTIONS = {"actions/checkout", "actions/upload-artifact", "actions/download-artifact", "astral-sh/setup-uv"}


def parsed(path: Path) -> dict[Any, Any]:
    return yaml.safe_load(path.read_text())


def triggers(workflow: dict[Any, Any]) -> dict[str, Any]:
    return workflow[True]  # YAML 1.1 reads the key `on` as a truth value


def jobs() -> list[tuple[str, str, dict[str, Any]]]:
    return [(path.stem, name, job) for path in FILES for name, job in parsed(path)["jobs"].items()]


JOB_IDS = [f"{stem}-{name}" for stem, name, _ in jobs()]


def steps() -> list[tuple[str, dict[str, Any]]]:
    setup = parsed(ROOT / ".github/actions/setup/action.yml")["runs"]["steps"]
    return [(f"{stem}/{name}", step) for stem, name, job in jobs() for step in job["steps"]] + [
        ("setup", step) for step in setup
    ]


def test_each_workflow_there_should_be_is_there():
    wanted = "calibrate commands errands forward gate propose publish record release reserve"
    assert [path.stem for path in FILES] == wanted.split()
    assert all(parsed(path)["name"] == path.stem for path in FILES)


def test_triggers_are_those_that_were_thought_through():
    found = {path.stem: triggers(parsed(path)) for path in FILES}

    assert set(found["gate"]) == {"pull_request", "merge_group"}
    assert found["gate"]["pull_request"]["branches"] == ["main"]
    assert found["reserve"] == {"workflow_run": {"workflows": ["gate"], "types": ["requested"]}}
    assert found["publish"] == {"workflow_run": {"workflows": ["gate"], "types": ["completed"]}}
    assert found["record"] == {"push": {"branches": ["main"]}}
    assert found["commands"] == {"issue_comment": {"types": ["created"]}}
    assert set(found["propose"]) == {"schedule", "workflow_dispatch"}
    assert found["release"] == {"push": {"tags": ["v*"]}}
    assert set(found["errands"]) == {"workflow_dispatch"}
    assert set(found["forward"]) == set(found["calibrate"]) == {"schedule", "workflow_dispatch"}


def test_the_run_that_the_trusted_half_follows_is_the_gate_s():
    assert (ROOT / GATE_PATH).is_file()
    assert parsed(ROOT / GATE_PATH)["name"] == "gate"


def test_a_push_takes_four_jobs():
    push = [(stem, name) for stem, name, _ in jobs() if stem in {"gate", "reserve", "publish"}]

    assert push == [("gate", "evaluate"), ("publish", "holdout"), ("publish", "publish"), ("reserve", "reserve")]


def test_no_workflow_has_a_permission_of_its_own_and_every_one_has_a_concurrency_group():
    for path in FILES:
        workflow = parsed(path)
        assert workflow["permissions"] == {}, path.name
        assert workflow["concurrency"]["group"], path.name
        assert isinstance(workflow["concurrency"]["cancel-in-progress"], bool), path.name


def test_only_runs_that_keep_nothing_are_cancelled():
    cancelled = {path.stem for path in FILES if parsed(path)["concurrency"]["cancel-in-progress"]}

    assert cancelled == {"gate", "calibrate"}


def test_no_run_that_must_happen_waits_where_a_newer_one_would_take_its_place():
    """Of a group one run may wait: the platform cancels it when another of the group comes."""
    shared = {path.stem for path in FILES if "${{" not in parsed(path)["concurrency"]["group"]}

    assert shared == {"calibrate", "forward", "propose"}  # their next run does what the one before would have done
    assert "github.sha" in parsed(FOLDER / "record.yml")["concurrency"]["group"]  # each merge is derived again
    asked = parsed(FOLDER / "errands.yml")["concurrency"]["group"]
    assert "inputs.errand" in asked
    assert "inputs.target" in asked


@pytest.mark.parametrize(("stem", "name", "job"), jobs(), ids=JOB_IDS)
def test_a_job_may_write_what_it_must_and_nothing_else(stem, name, job):
    written = {scope for scope, level in job["permissions"].items() if level == "write"}

    assert written == WRITES.get((stem, name), set())
    assert set(job["permissions"].values()) <= {"read", "write"}
    assert "id-token" not in job["permissions"]


@pytest.mark.parametrize(("stem", "name", "job"), jobs(), ids=JOB_IDS)
def test_secrets_are_an_environment_s_and_no_other_job_names_one(stem, name, job):
    environment = job.get("environment")
    named = set(re.findall(r"secrets\.(\w+)", json.dumps(job)))

    assert environment == ENVIRONMENTS.get((stem, name))
    assert named <= (SECRETS[environment] if environment else set())
    assert "secrets.GITHUB_TOKEN" not in json.dumps(job)
    assert "inherit" not in str(job.get("secrets", ""))


def test_the_job_beside_the_hidden_bars_has_their_store_s_key_and_nothing_else():
    job = next(job for stem, name, job in jobs() if (stem, name) == ("publish", "holdout"))

    assert set(re.findall(r"secrets\.(\w+)", json.dumps(job))) == {"AUTARCH_DATA_HOLDOUT", "AUTARCH_DATA_FORWARD"}
    assert set(job["permissions"].values()) == {"read"}
    assert set(job["outputs"]) == {"words"}


def test_the_untrusted_half_has_no_secret_and_a_token_that_reads():
    ((_, _, job),) = [each for each in jobs() if each[0] == "gate"]

    assert "secrets." not in json.dumps(job)
    assert set(job["permissions"].values()) == {"read"}
    assert "environment" not in job
    assert "outputs" not in job


def test_what_runs_is_main_s_or_the_base_s_and_a_head_is_never_checked_out():
    for where, step in steps():
        if str(step.get("uses", "")).startswith("actions/checkout@"):
            base = "${{ github.event.pull_request.base.sha || github.event.merge_group.base_sha }}"
            assert step["with"]["ref"] == (base if where == "gate/evaluate" else "main"), where
            assert step["with"]["persist-credentials"] is False, where
    for path in FILES:
        assert "head.sha" not in path.read_text(), path.name
        assert "head_ref" not in path.read_text(), path.name


@pytest.mark.parametrize(("stem", "name", "job"), jobs(), ids=JOB_IDS)
def test_every_job_and_every_step_ends_in_time(stem, name, job):
    assert job["timeout-minutes"] <= 60
    for step in job["steps"]:
        assert isinstance(step.get("timeout-minutes"), int), f"{stem}/{name}/{step['name']}"
        assert step["timeout-minutes"] <= job["timeout-minutes"]


def test_logic_is_in_autarch_and_no_event_s_text_reaches_a_shell():
    for where, step in steps():
        if "run" not in step:
            continue
        assert "${{" not in step["run"], where
        lines = step["run"].strip().splitlines()
        commands = [line for line in lines if not line.startswith(("--", " "))]
        allowed = (
            r"\.venv/bin/python -P -m autarch ci \w+|\.venv/bin/python -m benchmarks calibration|uv (venv|pip sync) "
        )
        assert all(re.match(allowed, line) for line in commands), f"{where}: {step['run']}"


def test_other_people_s_actions_are_few_pinned_and_say_their_version():
    text = "".join(path.read_text() for path in [*FILES, ROOT / ".github/actions/setup/action.yml"])
    used = re.findall(r"uses: (\S+)(.*)", text)
    foreign = [(name, rest) for name, rest in used if not name.startswith("./")]

    assert {name.partition("@")[0] for name, _ in foreign} == ACTIONS
    for name, rest in foreign:
        assert re.fullmatch(r"[0-9a-f]{40}", name.partition("@")[2]), name
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", rest), f"{name}{rest}"
    assert {name for name, _ in used if name.startswith("./")} == {"./.github/actions/setup"}


def test_one_job_on_main_saves_the_cache_and_a_release_uses_none():
    saving, unused = set(), set()
    for where, step in steps():
        given = step.get("with", {})
        saving |= {where} if given.get("save-cache") == "true" else set()
        unused |= {where} if given.get("use-cache") == "false" else set()

    assert saving == {"record/record"}
    assert unused == {"release/verify", "release/assets"}
    setup = parsed(ROOT / ".github/actions/setup/action.yml")
    assert setup["inputs"]["save-cache"]["default"] == "false"


def test_what_starts_without_a_human_asks_for_the_day_s_minutes_first():
    for stem, name, job in jobs():
        commands = [step.get("run", "") for step in job["steps"]]
        asks = any("autarch ci minutes" in command for command in commands)
        assert asks == (
            (stem, name)
            in {("gate", "evaluate"), ("propose", "agent"), ("forward", "forward"), ("calibrate", "calibrate")}
        )


def test_minutes_are_counted_by_as_many_jobs_as_there_are():
    counted = {f".github/workflows/{path.name}": len(parsed(path)["jobs"]) for path in FILES}

    assert {path: JOBS.get(path, 1) for path in counted} == counted
    assert set(JOBS) <= set(counted)


def test_a_job_that_weighs_forward_bars_also_has_the_holdout_before_them():
    # The first decision on forward bars sees a strategy's warm-up, which lies in the holdout.
    weighing = {
        (stem, name)
        for stem, name, job in jobs()
        if any("autarch ci errand" in step.get("run", "") for step in job["steps"])
    }

    assert weighing == {("errands", "errand"), ("forward", "forward")}
    for stem, name, job in jobs():
        if (stem, name) in weighing:
            assert {"AUTARCH_DATA_HOLDOUT", "AUTARCH_DATA_FORWARD"} <= set(job["steps"][-1]["env"]), stem


def test_environments_and_their_secrets_are_those_that_protection_makes():
    for environment, named in SECRETS.items():
        file = ROOT / f".github/environments/{environment}.json"
        assert file.is_file(), environment
        told = json.loads(file.read_text())["autarch"]
        assert named <= set(told["secrets"]), environment


def test_the_agent_s_job_hands_on_a_patch_and_another_opens_it():
    found = {name: job for stem, name, job in jobs() if stem == "propose"}

    assert found["open"]["needs"] == "agent"
    assert set(found["agent"]["permissions"].values()) == {"read"}
    assert "AUTARCH_AGENT_APP_KEY" not in json.dumps(found["agent"])
    assert "contents: write" not in (FOLDER / "propose.yml").read_text()


LINTERS = {
    "zizmor": ("--offline", "--no-progress", "--quiet", "--persona=pedantic", ".github"),
    "actionlint": (),
    "check-jsonschema": ("--builtin-schema", "vendor.github-workflows", *(str(path) for path in FILES)),
}


@pytest.mark.parametrize("tool", LINTERS)
def test_linters_find_nothing(tool):
    answer = run(tool, *LINTERS[tool])

    assert answer.returncode == 0, answer.stdout + answer.stderr


@pytest.mark.parametrize(
    ("tool", "old", "new"),
    [
        ("zizmor", "persist-credentials: false", "persist-credentials: true"),
        ("actionlint", "runs-on: ubuntu-24.04", "runs-on: ubuntu-2.4"),
        ("check-jsonschema", "runs-on: ubuntu-24.04", "runs-onn: ubuntu-24.04"),
    ],
)
def test_a_planted_fault_is_found_by_the_linter_that_should(tmp_path, tool, old, new):
    where = tmp_path / ".github/workflows"
    where.mkdir(parents=True)
    text = (FOLDER / "gate.yml").read_text()
    assert old in text
    (where / "gate.yml").write_text(text.replace(old, new, 1))
    arguments = {
        "zizmor": ("--offline", "--no-progress", "--quiet", "--persona=pedantic", str(tmp_path / ".github")),
        "actionlint": (str(where / "gate.yml"),),
        "check-jsonschema": ("--builtin-schema", "vendor.github-workflows", str(where / "gate.yml")),
    }

    assert run(tool, *arguments[tool]).returncode != 0


def run(tool: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [str(Path(sys.executable).with_name(tool)), *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
