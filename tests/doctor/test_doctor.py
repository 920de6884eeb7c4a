"""Each drift is seen, named with its cure, and makes the doctor say no; a healthy workspace is told so."""

from __future__ import annotations

import json
from pathlib import Path

from autarch.cli.main import main as autarch
from autarch.doctor import registry
from autarch.doctor.host_checks import confined
from autarch.doctor.registry import Patient
from autarch.repo import signing
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person
from autarch.repo.signers import signers_file
from autarch.sandbox import Layer, SandboxLevel
from tests.doctor.conftest import Clinic, private, told

ROOT = Path(__file__).parents[2]
PERSON = Person(name="Somebody", email="somebody@autarch.invalid", when_s=1_700_000_000)
POLICY = b'[required]\nstrategy = ["scope", "backtest"]\nplatform = ["scope"]\n'
CODEOWNERS = b"* @me\n/strategies/\n"
APP = 777


def test_a_healthy_local_workspace_is_well(served, monkeypatch, capsys) -> None:
    clinic, _ = served
    monkeypatch.chdir(clinic.root)

    of_this_machine = {"sandbox", "lock", "disk"}
    own = [each.name for each in registry.checks() if each.area in {"forge", "repository", "host"}]
    asked = [part for name in own if name not in of_this_machine for part in ("--only", name)]

    code = autarch(["doctor", "--json", *asked])

    found = json.loads(capsys.readouterr().out)
    ill = [each for each in found["checks"] if each["word"] in {"drift", "unknown"}]
    assert ill == []
    assert (code, found["well"], found["forge"]) == (0, True, "local")
    assert {"rulesets", "signers", "hooks", "clock", "secrets", "roles"} <= {each["name"] for each in found["checks"]}


def test_a_drift_is_exit_1_with_its_cure_in_text(served, monkeypatch, capsys) -> None:
    clinic, _ = served
    clinic.commit({"ci/signers/release": b""})
    monkeypatch.chdir(clinic.root)

    code = autarch(["doctor", "--only", "signers"])

    shown = capsys.readouterr().out
    assert code == 1
    assert "signers ............ DRIFT" in shown
    assert "ci/signers/release lists nobody" in shown
    assert "    fix: " in shown
    assert "0 of 1 checks are well" in shown


def test_a_check_that_is_none_is_misuse(clinic: Clinic, monkeypatch, capsys) -> None:
    monkeypatch.chdir(clinic.root)

    assert autarch(["doctor", "--only", "none-such"]) == 2
    assert "expected one of" in capsys.readouterr().err


def test_a_forge_that_does_not_run_is_unknown_and_no_reason_to_crash(clinic: Clinic, monkeypatch, capsys) -> None:
    monkeypatch.chdir(clinic.root)

    code = autarch(["doctor", "--only", "reachable", "--only", "rulesets"])

    assert code == 1
    assert "autarch forge serve" in capsys.readouterr().out


def test_a_hook_that_is_changed_or_passed_by_is_seen(served) -> None:
    clinic, forge = served
    hook = clinic.root / ".autarch/forge/repo.git/hooks/pre-receive"
    ours = hook.read_text()
    assert clinic.look("hooks", forge=forge).word != "drift"

    hook.write_text("#!/bin/sh\nexit 0\n")
    assert "not this version's" in told(clinic.look("hooks", forge=forge))
    hook.write_text(ours)
    hook.chmod(0o777)
    assert "mode 0777" in told(clinic.look("hooks", forge=forge))
    hook.chmod(0o700)
    GitRepo(hook.parents[1]).run("config", "core.hooksPath", "/dev/null")
    assert "git runs hooks from /dev/null" in told(clinic.look("hooks", forge=forge))


def test_a_token_of_another_role_is_seen(served) -> None:
    clinic, forge = served
    private(clinic.root / ".autarch/tokens/agent", clinic.workspace.token("human"))

    assert "the agent token has role human" in told(clinic.look("roles", forge=forge))


def test_a_clock_that_is_wrong_is_seen(served) -> None:
    clinic, forge = served
    forge.about()
    right = int((forge.served_at_s or 0) * 1000)

    assert clinic.look("clock", forge=forge, now_ms=right + 20_000).word == "ok"
    assert "+300 s from the forge's" in told(clinic.look("clock", forge=forge, now_ms=right + 300_000))


# -- the repository and the host ------------------------------------------------------------------


def test_each_fault_of_the_repository_is_seen(clinic: Clinic, keys: Path) -> None:
    one_key = signers_file("release", (signing.public_key(keys / "ci"),))
    assert [clinic.look(name).word for name in ("signers", "codeowners", "protection")] == ["ok", "ok", "ok"]

    clinic.commit({"ci/signers/release": one_key, ".github/CODEOWNERS": b"* @me\n"})
    clinic.commit({".github/rulesets/main.json": b"{}", "requirements.lock": b"httpx==0.0.1\n"})

    assert "so CI could release" in told(clinic.look("signers"))
    assert "the release key here is not listed" in told(clinic.look("signers"))
    assert "not open to agents" in told(clinic.look("codeowners"))
    assert "main.json is no ruleset" in told(clinic.look("protection"))
    assert clinic.look("lock").word == "drift"


def test_a_file_that_others_may_read_is_seen(clinic: Clinic) -> None:
    assert clinic.look("private-files").word == "ok"

    (clinic.root / ".autarch/keys/ci").chmod(0o644)

    assert "mode 0644" in told(clinic.look("private-files"))
    assert clinic.look("signers").word == "drift"


def test_a_full_disk_is_seen(clinic: Clinic, monkeypatch) -> None:
    monkeypatch.setattr("autarch.doctor.host_checks.FREE_BYTES_MIN", 2**60)

    assert "GiB free" in told(clinic.look("disk"))


def test_a_layer_that_is_missing_is_seen_with_its_remedy_and_a_wanted_one_is_a_note() -> None:
    layers = (
        Layer(name="landlock", required=True, reached=False, detail="the kernel has none"),
        Layer(name="pid namespace", required=False, reached=False, detail="not allowed"),
        Layer(name="seccomp", required=True, reached=True, detail=""),
    )

    found = list(confined(SandboxLevel(layers=layers, kernel="Linux 4")))

    assert [each.word for each in found] == ["drift", "note"]
    assert "layer landlock is missing on Linux 4: the kernel has none" in found[0].told
    assert found[0].fix


def test_a_check_that_cannot_be_done_is_unknown_and_others_go_on(clinic: Clinic) -> None:
    clinic.repo.update_ref("refs/heads/main", None, old=clinic.repo.read_ref("refs/heads/main"))

    found = clinic.look("signers")

    assert found.word == "unknown"
    assert "could not be checked" in told(found)


def test_other_packages_add_checks_of_their_own(clinic: Clinic, monkeypatch) -> None:
    monkeypatch.setattr(registry, "_CHECKS", dict(registry._CHECKS))

    @registry.check("prices", area="agents")
    def prices(_patient: Patient):
        yield registry.Finding.drift("prices are old", fix="refresh them")

    assert told(clinic.look("prices")) == "drift: prices are old -> refresh them"


# -- GitHub ---------------------------------------------------------------------------------------
