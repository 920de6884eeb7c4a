"""The ledger at size: what an append, a count and a whole verification cost with many entries.

The chain is written by `git fast-import`; only its newest entries carry signatures, which is all that an append and a
count read. Usage: `python -m benchmarks ledger [--entries 100000]
[--trials 1000000]`.
"""

from __future__ import annotations

import argparse
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import msgspec
import numpy as np

from autarch.canonical import canonical_json, sha256_hex
from autarch.evidence.ledger import LEDGER_REF, Ledger
from autarch.evidence.ledger_entry import SCHEMA, InnerTrials, LedgerEntry, entry_body, entry_path, record_digest
from autarch.repo.git import GitRepo
from autarch.repo.signing import CI_PRINCIPAL, NS_LEDGER, Trust, allowed_signer, generate_key, signed_record
from ci.publish_study import STUDY_REF, inner_trials

ROUNDS = 15
STUDY = 50_000
_UNSIGNED = b"-----BEGIN SSH SIGNATURE-----\nbm9ib2R5\n-----END SSH SIGNATURE-----\n"


def main(argv: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    parser.add_argument("--trials", type=int, default=1_000_000)
    asked = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="autarch-ledger-") as folder:
        key = Path(folder, "key")
        generate_key(key, comment="bench")
        trust = trust_of(key)
        repo = filled(Path(folder, "repo"), key, trust, entries=asked.entries)
        print(f"{asked.entries} entries")
        print(f"first read of all entries     {_seconds(lambda: Ledger(repo, trust=trust).entries()) * 1e3:9.0f} ms")
        times = []
        for number in range(ROUNDS):
            entry = _reservation(asked.entries + number)
            times.append(_seconds(partial(Ledger(repo, trust=trust).reserve, entry, key=key)))
        times.sort()
        print(
            f"reserve in a new process p50  {times[len(times) // 2] * 1e3:9.0f} ms   slowest {times[-1] * 1e3:.0f} ms"
        )
        print(f"count of trials               {_seconds(lambda: Ledger(repo, trust=trust).trials()) * 1e3:9.0f} ms")
        _inner(Path(folder), key, trust, trials=asked.trials)
    return 0


def _inner(folder: Path, key: Path, trust: Trust, *, trials: int) -> None:
    """Print what inner trials of studies take: packed sidecars in Git, and reading each against its digest."""
    repo = filled(folder / "studies", key, trust, entries=2)
    rng, ledger, sidecars = np.random.default_rng(1), Ledger(repo, trust=trust), {}
    for first in range(0, trials, STUDY):
        content = canonical_json({"schema": 1, "trials": [_trial(rng, first + k) for k in range(STUDY)]})
        sidecars[sha256_hex(content)] = repo.write_blob(content)
        repo.update_ref(STUDY_REF + sha256_hex(content), sidecars[sha256_hex(content)], old=None)
        study = LedgerEntry(
            schema=SCHEMA,
            seq=0,
            prev=None,
            kind="study",
            recorded_ms=first,
            slug="bench",
            inner=InnerTrials(count=STUDY, sidecar=sha256_hex(content)),
        )
        ledger.append(study, key=key)
    repo.run("gc", "--quiet")
    size = sum(file.stat().st_size for file in (folder / "studies" / "objects").rglob("*") if file.is_file())

    def verified() -> None:
        for digest, blob in sidecars.items():
            found = inner_trials([{"Study": digest}], partial(_content, repo, blob))
            if found is None or found.count != STUDY:
                raise SystemExit(f"study {digest[:12]} does not read back")

    print(f"{trials} inner trials             {size / 1e6:9.1f} MB, read and checked in {_seconds(verified):.1f} s")


def _content(repo: GitRepo, blob: str, _: str) -> bytes:
    return repo.cat_blob(blob)


def _trial(rng: np.random.Generator, number: int) -> dict[str, object]:
    sharpe = round(float(rng.normal()), 6)
    fast, slow, size = int(rng.integers(5, 100)), int(rng.integers(20, 200)), round(float(rng.random()), 3)
    params = {"fast": fast, "slow": slow, "size": size}
    return {"number": number, "params": params, "score": sharpe, "sharpe": sharpe}


def trust_of(key: Path) -> Trust:
    """Return who may sign: the key alone."""
    line = allowed_signer(CI_PRINCIPAL, (NS_LEDGER,), key.with_name("key.pub").read_text().strip())
    return Trust(signers=f"{line}\n".encode(), principal=CI_PRINCIPAL)


def filled(
    path: Path, key: Path, trust: Trust, *, entries: int, changed: Callable[[LedgerEntry], LedgerEntry] = lambda x: x
) -> GitRepo:
    """Return a repository whose ledger has `entries`, reservations and results in turn, each as `changed` makes it."""
    path.mkdir()
    repo = GitRepo(path)
    repo.run("init", "--quiet", "--bare", "--initial-branch=main", ".")
    root = Ledger(repo, trust=trust).begin()
    subprocess.run(
        ["git", "-C", str(path), "fast-import", "--quiet", "--done"],
        input=b"".join(_stream(root, key, entries, changed)),
        check=True,
    )
    return repo


def _stream(root: str, key: Path, entries: int, changed: Callable[[LedgerEntry], LedgerEntry]) -> Iterator[bytes]:
    prev, open_digest = None, ""
    for seq in range(1, entries + 1):
        entry = _reservation(seq)
        if seq % 2 == 0:
            entry = msgspec.structs.replace(
                _reservation(seq - 1), kind="result", verdict="rejected", reservation=open_digest
            )
        body = entry_body(msgspec.structs.replace(changed(entry), seq=seq, prev=prev))
        signed = seq == entries
        record = (
            signed_record(body, key=key, namespace=NS_LEDGER) if signed else canonical_json(body) + b"\n" + _UNSIGNED
        )
        prev = open_digest = record_digest(record)
        came = f"from {root}\n" if seq == 1 else ""
        yield (
            (
                f"commit {LEDGER_REF}\nauthor Autarch CI <ci@autarch.invalid> {seq} +0000\n"
                f"committer Autarch CI <ci@autarch.invalid> {seq} +0000\ndata 6\nRecord\n{came}"
                f"M 100644 inline {entry_path(seq)}\ndata {len(record)}\n"
            ).encode()
            + record
            + b"\n"
        )
    yield b"done\n"


def _reservation(seq: int) -> LedgerEntry:
    return LedgerEntry(
        schema=SCHEMA,
        seq=0,
        prev=None,
        kind="reservation",
        recorded_ms=seq * 1000,
        pr=seq,
        head=f"{seq:040x}",
        base="b" * 40,
        slug=f"strategy_{seq % 500}",
        tree=f"{seq:040x}",
        dataset="synthetic@" + "d" * 64,
        epoch="1",
    )


def _seconds(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


if __name__ == "__main__":
    raise SystemExit(main())
