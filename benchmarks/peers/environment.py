"""The peers' own environment: vectorbt wants an older pandas, so they are processes of their own."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
LOCK = Path(__file__).with_name("requirements.lock")
VENV = ROOT / ".venv-bench"
PEERS = ("vectorbt", "backtesting", "backtrader")
_STAMP = VENV / ".installed"
_VERSIONS = (
    "import importlib.metadata as m, json, sys; sys.stdout.write(json.dumps({n: m.version(n) for n in sys.argv[1:]}))"
)


def python_of(engine: str) -> Path:
    """Return the interpreter that runs `engine`: the peers' own, or this one."""
    return VENV / "bin" / "python" if engine in PEERS else Path(sys.executable)


def missing() -> str:
    """Return why the peers cannot run, or nothing."""
    if not (VENV / "bin" / "python").exists():
        return f"{VENV} is not built; run: python -m benchmarks peers --build"
    if not _STAMP.exists() or _STAMP.read_text(encoding="ascii") != _lock_digest():
        return f"{VENV} was not built from {LOCK.name} as it is now; run: python -m benchmarks peers --build"
    return ""


def build(say: Callable[[str], None]) -> None:
    """Build the environment from its lock, unless it is there.

    Raises:
        subprocess.CalledProcessError: pip could not install what the lock names.
    """
    if not missing():
        return
    say(f"building {VENV} (once; 600 MB and one to five minutes)")
    subprocess.run([sys.executable, "-m", "venv", "--clear", str(VENV)], check=True)
    (VENV / ".gitignore").write_text("*\n", encoding="ascii")
    python = str(VENV / "bin" / "python")
    install = ("-m", "pip", "install", "-qq", "--disable-pip-version-check", "--require-hashes", "-r", str(LOCK))
    subprocess.run([python, *install], check=True, stdout=sys.stderr)
    subprocess.run([python, "-m", "compileall", "-q", str(VENV / "lib")], check=False, capture_output=True)
    _STAMP.write_text(_lock_digest(), encoding="ascii")


def versions(engine: str, *names: str) -> dict[str, str]:
    """Return the versions of distributions in the environment of `engine`."""
    done = subprocess.run([str(python_of(engine)), "-c", _VERSIONS, *names], check=True, capture_output=True, text=True)
    found: dict[str, str] = json.loads(done.stdout)
    return found


def _lock_digest() -> str:
    return hashlib.sha256(LOCK.read_bytes()).hexdigest()
