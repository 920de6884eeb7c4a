"""`autarch verify`: whoever main lists may have attested, and a machine reads every refusal."""

from __future__ import annotations

import json

import pytest

from autarch.cli.main import main
from autarch.evidence.attestation import evidence_ref, load_evidence
from autarch.repo import signing
from autarch.repo.objects import REGULAR, TreeEntry
from autarch.repo.signers import signers_file


@pytest.fixture
def yard(base_yard, tmp_path, monkeypatch):
    # The claims here are another engine's: nothing is computed, so the numeric pin may stay away.
    monkeypatch.setattr("autarch.numerics.ensure_pinned", lambda _argv: None)
    return base_yard.copy(tmp_path / "yard")


def asked(yard, capsys, evidence, *more):
    """Return exit code and the one JSON object of `autarch verify EVIDENCE --json`."""
    code = main(["verify", evidence, "--repository", str(yard.repo.path), "--json", *more])
    return code, json.loads(capsys.readouterr().out)


def of_release(yard):
    return yard.released("v0.1.0").strategies[0].evidence


@pytest.mark.parametrize("whose", ["release@autarch", "ci@autarch"])
def test_evidence_by_the_gate_and_by_a_release_key_is_read_and_its_signer_named(yard, capsys, whose):
    evidence = of_release(yard) if whose == "release@autarch" else yard.facts["pull evidence"]

    code, said = asked(yard, capsys, evidence)

    assert (code, said["signer"], said["evidence"]) == (1, whose, evidence)
    assert [one["field"] for one in said["differs"]] == ["engine"]
    assert said["verified"] is False
    assert said["error"].startswith('engine is claimed "eeee')
    assert main(["verify", evidence, "--repository", str(yard.repo.path)]) == 1
    assert f", attested by {whose}: engine" in capsys.readouterr().out


def test_a_file_of_signers_may_list_release_keys(yard, capsys, tmp_path):
    listed = tmp_path / "signers"
    listed.write_bytes(signers_file("release", (signing.public_key(yard.keys["release"]),)))

    assert asked(yard, capsys, of_release(yard), "--signers", str(listed))[1]["signer"] == "release@autarch"
    assert (
        "not signed by ci@autarch"
        in asked(yard, capsys, yard.facts["pull evidence"], "--signers", str(listed))[1]["error"]
    )


def test_a_signer_nobody_lists_is_refused_in_json_too(yard, capsys):
    evidence = yard.store(yard.claim(yard.main, base=yard.main, trials=2), key="stranger")

    code, said = asked(yard, capsys, evidence)

    assert code == 1
    assert {**said, "error": ""} == {"verified": False, "evidence": evidence, "error": "", "differs": []}
    assert "not signed by release@autarch" in said["error"]


def test_a_rotated_key_still_stands_for_what_it_signed_at_its_base(yard, capsys):
    evidence, base = of_release(yard), yard.main
    fresh = signing.public_key(yard.keys["stranger"])
    yard.advance(yard.commit({"ci/signers/release": signers_file("release", (fresh,))}))

    assert load_evidence(yard.repo, evidence).claim.base == base
    assert asked(yard, capsys, evidence)[1]["signer"] == "release@autarch"


def test_a_base_that_main_never_was_at_lists_nobody(yard, capsys):
    stranger = signers_file("release", (signing.public_key(yard.keys["stranger"]),))
    aside = yard.commit({"ci/signers/release": stranger})
    evidence = yard.store(yard.claim(aside, base=aside), key="stranger")

    code, said = asked(yard, capsys, evidence)

    assert code == 1
    assert "not signed by release@autarch" in said["error"]


def test_what_is_not_here_or_was_replaced_is_refused_with_one_object(yard, capsys):
    lost = "0" * 64
    ours = of_release(yard)
    other = yard.repo.write_blob(load_evidence(yard.repo, yard.facts["pull evidence"]).content)
    record = yard.repo.write_blob(load_evidence(yard.repo, ours).record)
    named = {"claim.json": other, "attestation.signed": record}
    tree = yard.repo.write_tree(TreeEntry(mode=REGULAR, oid=oid, path=path) for path, oid in named.items())
    yard.repo.update_ref(evidence_ref(ours), tree, old=yard.repo.read_ref(evidence_ref(ours)))

    missing, damaged = asked(yard, capsys, lost), asked(yard, capsys, ours)

    assert (missing[0], damaged[0]) == (1, 1)
    assert f"no evidence {lost}" in missing[1]["error"]
    assert "it was replaced" in damaged[1]["error"]
    assert [said["verified"] for _, said in (missing, damaged)] == [False, False]


def test_misuse_and_the_uncomputable_keep_their_exit_codes_in_json(yard, capsys, tmp_path):
    broken = tmp_path / "claim.json"
    broken.write_text("{}")

    assert asked(yard, capsys, "no-such-thing")[0] == 2
    code, said = asked(yard, capsys, str(broken))
    assert (code, said["verified"]) == (1, False)
