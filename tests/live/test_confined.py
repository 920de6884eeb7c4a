"""Live trades nothing where strategies cannot be confined, and its journal says what they were confined by."""

from __future__ import annotations

import dataclasses
import os

import pytest

from autarch.errors import SandboxError
from autarch.market.build import build, write_blobs
from autarch.market.stores import Stores
from autarch.market.synth_dataset import default_spec, synth_recipe
from autarch.sandbox import level
from autarch.sandbox.layers import REMEDIES
from autarch.sandbox.worker import Worker
from live.host import Host
from live.journal import Journal
from live.running import RunOptions, run_release

from .test_replaying import installed_release


@pytest.fixture(scope="module")
def ready(tmp_path_factory):
    """A host with an installed release and bars to trade."""
    root = tmp_path_factory.mktemp("confined")
    built = build(synth_recipe(default_spec(n_bars=4000), name="tiny", shares=(10, 10, 80)))
    stores, host = Stores.under(root / "data"), Host(root=root / "host")
    write_blobs(built, stores)
    return installed_release(host, built.lock, root / "repo.git"), host, stores


@pytest.fixture
def leaking(monkeypatch) -> None:
    """A host whose children keep a third descriptor, as /proc shows."""
    look = level.look
    monkeypatch.setattr(level, "look", lambda pid: dataclasses.replace(look(pid), descriptors=3))


@pytest.mark.usefixtures("leaking")
def test_without_a_required_layer_live_refuses_before_it_begins(ready, tmp_path) -> None:
    installed, host, stores = ready
    alone = Host(root=tmp_path / "host")

    with pytest.raises(SandboxError, match="missing descriptors") as caught:
        run_release(installed, dataclasses.replace(host, root=alone.root), stores, RunOptions(bars_max=1))

    assert caught.value.exit_code == 3
    assert os.uname().release in str(caught.value)
    assert REMEDIES["descriptors"] in str(caught.value)
    assert not alone.journal_path("paper").exists()


@pytest.mark.usefixtures("leaking")
def test_a_worker_that_was_begun_in_advance_is_held_to_the_same_and_stays_its_owners(ready, tmp_path) -> None:
    installed, _, stores = ready
    host = Host(root=tmp_path / "host")

    with Worker(allow_weak=True) as begun:
        with pytest.raises(SandboxError, match="missing descriptors"):
            run_release(installed, host, stores, RunOptions(bars_max=1, worker=begun))
        assert begun.zygote_pid is not None

    assert not host.journal_path("paper").exists()


@pytest.mark.usefixtures("leaking")
def test_without_one_a_paper_run_that_was_asked_for_is_stamped(ready, tmp_path) -> None:
    installed, _, stores = ready
    host = Host(root=tmp_path / "host")

    run_release(installed, host, stores, RunOptions(bars_max=1, allow_weak=True))

    with Journal(host.journal_path("paper"), account="paper", read_only=True) as journal:
        opened = journal.last("opened").body
    assert opened["confined"] is False
    assert opened["layers"]["descriptors"] == "/proc shows 3 open descriptors, expected two pipe ends"
    assert opened["layers"]["landlock"] == "reached"
