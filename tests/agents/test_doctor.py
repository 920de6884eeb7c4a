"""The doctor says what is wrong with prices, caps and keys before an agent is asked."""

from __future__ import annotations

from pathlib import Path

import pytest

from agents import doctor
from agents.models import PATH, read_models
from autarch.doctor.registry import Patient
from autarch.workspace import Config, ForgeSection, Workspace

DAY_MS = 86_400_000


@pytest.fixture
def patient(tmp_path):
    def made(*, age_days: int = 0) -> Patient:
        models = read_models()
        read_ms = (models.as_of.toordinal() - 719_163) * DAY_MS  # 719,163: the ordinal of 1970-01-01
        where = Workspace(tmp_path, Config(schema=1, forge=ForgeSection(repository="a/b")))
        return Patient(workspace=where, forge=None, now_ms=read_ms + age_days * DAY_MS, environment={})

    return made


def words(found) -> list[str]:
    return [finding.word for finding in found]


def key_at(folder: Path, public: str) -> None:
    keys = folder / ".autarch/keys"
    keys.mkdir(parents=True)
    (keys / "release").write_text("private")
    (keys / "release.pub").write_text(public)


def test_prices_are_fresh_for_their_days_and_then_stale(patient):
    days = read_models().stale_after_days

    assert words(doctor.models(patient(age_days=days))) == []
    assert words(doctor.models(patient(age_days=days + 1))) == ["drift"]


def test_a_list_that_does_not_parse_is_not_known_to_hold(patient, tmp_path):
    (tmp_path / ".autarch/agents").mkdir(parents=True)
    (tmp_path / ".autarch/agents/models.toml").write_bytes(PATH.read_bytes()[:400])

    assert words(doctor.models(patient())) == ["unknown"]


def test_a_day_without_a_cap_of_dollars_is_a_drift(patient, tmp_path):
    (tmp_path / ".autarch/agents").mkdir(parents=True)
    (tmp_path / ".autarch/agents/budgets.toml").write_text('schema = 1\n[month]\nusd = "5"\n')

    assert words(doctor.budgets(patient())) == ["drift"]


def test_a_release_key_that_agents_user_reads_is_a_drift_that_recommends_a_touch(patient, tmp_path):
    key_at(tmp_path, "ssh-ed25519 AAAA")

    (found,) = doctor.release_key(patient())

    assert found.word == "drift"
    assert "touch" in found.fix


def test_a_key_in_hardware_and_no_key_at_all_are_well(patient, tmp_path):
    none = words(doctor.release_key(patient()))
    key_at(tmp_path, "sk-ssh-ed25519@openssh.com AAAA")

    assert none == words(doctor.release_key(patient())) == []
