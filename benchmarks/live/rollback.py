"""Back to another verified release while one trades: real processes, the command line, real git, a simulated venue.

Two signed releases of one strategy on minute bars are installed on a host, the newer one trades. Printed are the time
of `autarch live rollback`, the time from the bar boundary where the older release takes over to its reconciled books,
and, after a SIGKILL, from a new `autarch live run` to reconciled books. No forge is there; nothing is derived again.
"""

from __future__ import annotations

import dataclasses
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from autarch.repo.engine import engine_digest
from autarch.repo.runner import SAFE_ENVIRONMENT
from autarch.workspace import CONFIG_NAME, Config, ForgeSection, render_config
from benchmarks.live.venue import ROOT, wall_ms
from live.deployer import Deployer
from live.host import Host
from live.journal import Journal
from live.observing.heartbeat import heartbeat_path, read_heartbeat
from live.watching.choosing import switch_to
from tests.live import release_yard
from tests.live.going_live_yard import CODE, POLICY, Sim, traded_at

OLD, NEW, ACCOUNT = "v0.2.0", "v0.3.0", "paper"
WAIT_S = 180.0
POLL_S = 0.01


def make_yard(root: Path) -> tuple[release_yard.ReleaseYard, Sim]:
    """Return a project with two releases that trade minute bars on a simulator, and that simulator."""
    spec = release_yard.default_spec(n_bars=12_000)
    changed = {
        "default_spec": lambda n_bars: dataclasses.replace(spec, interval="1m"),  # noqa: ARG005  the yard's call
        "MANIFEST": release_yard.MANIFEST.replace('"15m"', '"1m"'),
        "CODE": CODE,
        "POLICY": POLICY,
        "WALKTHROUGH": POLICY.replace(b"walkthrough = false", b"walkthrough = true"),
        "ENGINE": engine_digest(),
    }
    for name, value in changed.items():
        setattr(release_yard, name, value)
    yard = release_yard.make_yard(root)
    sim = traded_at(yard)
    for tag in (OLD, NEW):
        yard.release(tag, trials=2)
    return yard, sim


def make_workspace(yard: release_yard.ReleaseYard, sim: Sim, root: Path) -> tuple[Host, dict[str, str]]:
    """Return a host where both releases are installed and the newer one is chosen, and its processes' environment."""
    safe = {"PATH": os.environ["PATH"], "HOME": "/nonexistent", **SAFE_ENVIRONMENT}
    clone = ["git", "clone", "--quiet", "--mirror", str(yard.root / "repo.git"), str(root / ".git")]
    subprocess.run(clone, check=True, capture_output=True, env=safe)
    (root / CONFIG_NAME).parent.mkdir(mode=0o700)
    (root / CONFIG_NAME).write_bytes(render_config(Config(schema=1, forge=ForgeSection(repository="local/autarch"))))
    host = Host(root=root / ".autarch/host")
    host.save_trust(dataclasses.replace(yard.host.trust(), ledger_floor=None))
    deployer: Deployer = dataclasses.replace(yard.deployer(engine=release_yard.ENGINE), host=host)
    switch_to(host, deployer.verify(OLD), ())
    deployer.verify(NEW)
    config = root.with_name("config")  # no key lies where agents work
    keys = config / "autarch/keys"
    keys.mkdir(parents=True)
    made = sim.account()
    path = keys / f"{ACCOUNT}.trade"
    path.touch(0o600)
    path.write_text(f"{made.key}\n{made.secret}\n", encoding="ascii")
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    stores = {f"AUTARCH_DATA_{split.upper()}": str(yard.root / "data" / split) for split in ("train", "forward")}
    return host, {
        **environment, **stores, "AUTARCH_WORKSPACE": str(root), "XDG_CONFIG_HOME": str(config),
    }  # fmt: skip


def run(environment: Mapping[str, str], *more: str) -> subprocess.Popen[str]:
    """Start `autarch live run`."""
    words = [sys.executable, "-m", "autarch", "live", "run", "--local-dev", *more]
    return subprocess.Popen(
        words, cwd=ROOT, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    )


def beats(host: Host, process: subprocess.Popen[str], tag: str) -> float:
    """Wait until a process trades a release with reconciled books; return when that was seen, epoch seconds.

    Raises:
        SystemExit: the process ended, or it took too long.
    """
    ends = time.monotonic() + WAIT_S
    while time.monotonic() < ends and process.poll() is None:
        beat = read_heartbeat(heartbeat_path(host, ACCOUNT))
        if beat is not None and (beat.pid, beat.tag) == (process.pid, tag):
            return wall_ms() / 1000
        time.sleep(POLL_S)
    process.kill()
    _, said = process.communicate()
    raise SystemExit(f"{tag} is not traded after {WAIT_S:.0f} s, or its process ended: {said[-1000:]}")


def taken_over_s(host: Host, tag: str) -> float:
    """Return when the newest journal entry that opens a release was due, epoch seconds: its bar boundary."""
    with Journal(host.journal_path(ACCOUNT), account=ACCOUNT, read_only=True) as journal:
        return next(event.time_ms for event in journal.events("opened") if event.body["tag"] == tag) / 1000


def main(argv: list[str] | None = None) -> None:  # noqa: ARG001  as all benchmarks are called
    """Print how long a rollback and a restart take."""
    with tempfile.TemporaryDirectory() as folder:
        yard, sim = make_yard(Path(folder) / "yard")
        host, environment = make_workspace(yard, sim, Path(folder) / "clone")
        try:
            trading = run(environment, "--tag", NEW)
            beats(host, trading, NEW)
            began = time.perf_counter()
            back = [sys.executable, "-m", "autarch", "live", "rollback"]
            subprocess.run(back, cwd=ROOT, env=environment, check=True, capture_output=True)
            command_s = time.perf_counter() - began
            boundary_s = beats(host, trading, OLD) - taken_over_s(host, OLD)
            trading.send_signal(signal.SIGKILL)
            trading.wait()
            began_s = wall_ms() / 1000
            trading = run(environment)
            restart_s = beats(host, trading, OLD) - began_s
            trading.terminate()
            trading.communicate(timeout=60)
        finally:
            sim.close()
    print(f"{'autarch live rollback, s':<58}{command_s:>8.2f}")
    print(f"{'bar boundary to the older release, reconciled, s':<58}{boundary_s:>8.2f}")
    print(f"{'after SIGKILL: autarch live run to reconciled, s':<58}{restart_s:>8.2f}")


if __name__ == "__main__":
    main()
