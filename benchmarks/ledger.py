"""The ledger at size: what an append, a count and a whole verification cost with many entries.

The chain is written by `git fast-import`; only its newest entries carry signatures, which is all that an append and a
count read. Usage: `python -m benchmarks ledger [--entries 100000]`.
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

from autarch.canonical import canonical_json
from autarch.evidence.ledger import LEDGER_REF, Ledger
from autarch.evidence.ledger_entry import SCHEMA, LedgerEntry, entry_body, entry_path, record_digest
from autarch.repo.git import GitRepo
from autarch.repo.signing import CI_PRINCIPAL, NS_LEDGER, Trust, allowed_signer, generate_key, signed_record

ROUNDS = 15
_UNSIGNED = b"-----BEGIN SSH SIGNATURE-----\nbm9ib2R5\n-----END SSH SIGNATURE-----\n"


def main(argv: list[str] | None = None) -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=100_000)
    asked = parser.parse_args(argv)
    with tempfile.TemporaryDirectory(prefix="autarch-ledger-") as folder:
        key = Path(folder, "key")
        generate_key(key, comment="bench")
        line = allowed_signer(CI_PRINCIPAL, (NS_LEDGER,), key.with_name("key.pub").read_text().strip())
        trust = Trust(signers=f"{line}\n".encode(), principal=CI_PRINCIPAL)
        repo = _filled(Path(folder, "repo"), key, trust, entries=asked.entries)
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
    return 0


def _filled(path: Path, key: Path, trust: Trust, *, entries: int) -> GitRepo:
    path.mkdir()
    repo = GitRepo(path)
    repo.run("init", "--quiet", "--bare", "--initial-branch=main", ".")
    root = Ledger(repo, trust=trust).begin()
    subprocess.run(
        ["git", "-C", str(path), "fast-import", "--quiet", "--done"],
        input=b"".join(_stream(root, key, entries)),
        check=True,
    )
    return repo


def _stream(root: str, key: Path, entries: int) -> Iterator[bytes]:
    prev, open_digest = None, ""
    for seq in range(1, entries + 1):
        entry = _reservation(seq)
        if seq % 2 == 0:
            entry = msgspec.structs.replace(
                _reservation(seq - 1), kind="result", verdict="rejected", reservation=open_digest
            )
        body = entry_body(msgspec.structs.replace(entry, seq=seq, prev=prev))
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
        recorded_ms=seq,
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
