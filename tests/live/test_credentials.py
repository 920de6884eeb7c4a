"""live.credentials: where keys may come from, and that they go nowhere else."""

from __future__ import annotations

import copy
import fcntl
import json
import os
import pickle
from pathlib import Path

import pytest

from autarch.errors import ConfigError
from autarch.manifest import parse_source
from autarch.sandbox.worker import Worker
from live.credentials import Credentials, KeySource, load_credentials, redacted

KEY, SECRET = "api-key-0123456789", "very-secret-0123456789"
IDEA = parse_source(
    slug="one_idea",
    manifest_bytes=b'schema = 1\nname = "one_idea"\ntitle = "x"\nsymbols = ["BTCUSDT"]\ninterval = "15m"\n'
    b'mode = "each"\nwarmup = 10\nmax_leverage = 1.0\n',
    code=b"from autarch.strategy import Targets\n\n\ndef decide(bars, p):\n"
    b"    return Targets(exposure=bars.close * 0.0)\n",
)
CONTENT = f"{KEY}\n{SECRET}\n".encode()


@pytest.fixture
def source(tmp_path):
    for name in ("systemd", "keys", "workspace"):
        (tmp_path / name).mkdir()
    return KeySource(
        systemd=tmp_path / "systemd", descriptor=None, folder=tmp_path / "keys", workspace=tmp_path / "workspace"
    )


def put(folder, name="main.trade", content=CONTENT, mode=0o600):
    path = folder / name
    path.write_bytes(content)
    path.chmod(mode)
    return path


def with_descriptor(source, number):
    return KeySource(systemd=source.systemd, descriptor=number, folder=source.folder, workspace=source.workspace)


def memfd(*, seals):
    number = os.memfd_create("key", os.MFD_ALLOW_SEALING)
    os.write(number, CONTENT)
    fcntl.fcntl(number, fcntl.F_ADD_SEALS, seals)
    return number


def test_a_key_comes_from_systemd_a_pipe_a_sealed_memfd_or_a_private_file(source):
    put(source.systemd)
    put(source.folder, "other.trade")
    reading, writing = os.pipe()
    os.write(writing, CONTENT)
    os.close(writing)
    sealed = memfd(seals=fcntl.F_SEAL_WRITE | fcntl.F_SEAL_GROW | fcntl.F_SEAL_SHRINK)

    found = [
        load_credentials("main", source, environment="mainnet"),
        load_credentials("other", source, environment="testnet"),
        load_credentials("main", with_descriptor(source, reading), environment="mainnet"),
        load_credentials("main", with_descriptor(source, sealed), environment="mainnet"),
    ]

    assert found == [Credentials(KEY, SECRET)] * 4
    for number in (reading, sealed):
        with pytest.raises(OSError, match="Bad file descriptor"):
            os.fstat(number)


def test_the_kill_key_is_another_one(source):
    put(source.folder)

    with pytest.raises(ConfigError, match="no key to kill with"):
        load_credentials("main", source, environment="sim", use="kill")
    put(source.folder, "main.kill", b"kill-key-0\nkill-secret-0\n")
    assert load_credentials("main", source, environment="sim", use="kill").key == "kill-key-0"


def test_a_file_is_no_place_for_a_mainnet_key(source):
    put(source.folder)

    with pytest.raises(ConfigError, match=r"LoadCredential=main\.trade") as refused:
        load_credentials("main", source, environment="mainnet")
    assert str(source.folder) not in str(refused.value)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_file_that_others_may_read_is_refused(source, mode):
    put(source.folder, mode=mode)

    with pytest.raises(ConfigError, match="not a private file"):
        load_credentials("main", source, environment="sim")


def test_a_file_in_the_workspace_a_link_and_an_unsealed_descriptor_are_refused(source, tmp_path):
    inside = source.workspace / "keys"
    inside.mkdir()
    put(inside)
    misplaced = KeySource(systemd=None, descriptor=None, folder=inside, workspace=source.workspace)
    with pytest.raises(ConfigError, match="where agents work"):
        load_credentials("main", misplaced, environment="sim")

    (source.folder / "linked.trade").symlink_to(put(tmp_path, "elsewhere"))
    with pytest.raises(ConfigError, match="cannot be read"):
        load_credentials("linked", source, environment="sim")

    with pytest.raises(ConfigError, match="neither a pipe nor a sealed memfd"):
        load_credentials("main", with_descriptor(source, memfd(seals=fcntl.F_SEAL_GROW)), environment="mainnet")
    plain = os.open(put(tmp_path, "plain"), os.O_RDONLY)
    with pytest.raises(ConfigError, match="neither a pipe nor a sealed memfd"):
        load_credentials("main", with_descriptor(source, plain), environment="mainnet")
    with pytest.raises(ConfigError, match="is not open here"):
        load_credentials("main", with_descriptor(source, 999), environment="mainnet")


@pytest.mark.parametrize(
    "content",
    [b"", b"only-one-line\n", CONTENT + b"third-line\n", b"short\nx\n", b"a" * 9000, b"two words\nsecret-0123\n"],
)
def test_what_holds_no_key_is_refused_without_showing_it(source, content):
    put(source.folder, content=content)

    with pytest.raises(ConfigError, match="holds no key") as refused:
        load_credentials("main", source, environment="sim")
    assert "only-one-line" not in str(refused.value)


def test_credentials_show_nothing_and_cannot_be_copied_out():
    found = Credentials(KEY, SECRET)

    shown = f"{found} {found!r} {[found]} {ConfigError(found)}"
    assert KEY not in shown
    assert SECRET not in shown
    with pytest.raises(TypeError, match="stay in the process"):
        pickle.dumps(found)
    with pytest.raises(TypeError, match="stay in the process"):
        copy.copy(found)
    with pytest.raises(TypeError):
        json.dumps(found)


def test_redaction_leaves_no_part_of_a_secret_that_holds_another():
    assert redacted(f"sent {SECRET} with {SECRET}-more", (SECRET, f"{SECRET}-more")) == "sent [secret] with [secret]"
    assert redacted("nothing", ("", KEY)) == "nothing"


def memory_of(pid):
    """Return every byte that a process may have written to its memory, its environment and its command line."""
    parts = [Path(f"/proc/{pid}/{name}").read_bytes() for name in ("environ", "cmdline")]
    with Path(f"/proc/{pid}/mem").open("rb", buffering=0) as memory:
        for line in Path(f"/proc/{pid}/maps").read_text().splitlines():
            span, rights, *_ = line.split()
            if not rights.startswith("rw") or "[v" in line:
                continue
            start, end = (int(part, 16) for part in span.split("-"))
            memory.seek(start)
            try:
                parts.append(memory.read(end - start))
            except OSError:
                continue  # a guard page
    return b"".join(parts)


@pytest.mark.slow
def test_a_worker_holds_no_key_in_memory_environment_or_descriptors(source, monkeypatch):
    secret = f"{os.urandom(16).hex()}-only-here"
    put(source.systemd, content=f"{secret}-key\n{secret}\n".encode())
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(source.systemd))
    monkeypatch.setenv("BYBIT_API_SECRET", secret)  # even where an operator slipped
    leaked = os.dup(memfd(seals=fcntl.F_SEAL_WRITE))
    os.set_inheritable(leaked, True)
    held = load_credentials("main", source, environment="mainnet")  # the worst order: before the zygote starts

    with Worker(allow_weak=True) as worker, worker.session(IDEA) as session:
        pids = (worker.zygote_pid, session.pid)
        found = [memory_of(pid) for pid in pids]
        open_files = [str(path.readlink()) for pid in pids for path in Path(f"/proc/{pid}/fd").iterdir()]

    assert all(len(content) > 1_000_000 for content in found)
    assert [secret.encode() in content for content in found] == [False, False]
    assert not any("memfd:key" in name for name in open_files)
    assert held.secret.encode() in memory_of(os.getpid())  # the search itself works
    os.close(leaked)
