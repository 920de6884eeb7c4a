"""Which layers of confinement a child has reached, judged by its parent and not by the child's word.

Seccomp, NoNewPrivs, Threads and CapEff are read from /proc/<pid>/status (proc_pid_status(5)). Landlock and
the resource limits show nowhere in /proc; they are taken from what trusted code in the child reported, and
from the doors it tried, before it was sent a strategy.
"""

from __future__ import annotations

import platform
from pathlib import Path

from autarch.errors import SandboxError
from autarch.sandbox.control import Hello
from autarch.sandbox.protocol import Ready
from autarch.sandbox.values import Layer, SandboxLevel

_STATUS_WANTED = {
    "seccomp": ("Seccomp", "2"),
    "no_new_privs": ("NoNewPrivs", "1"),
    "capabilities": ("CapEff", "0" * 16),
    "single thread": ("Threads", "1"),
}
_REMEDY = {
    "landlock": "needs Linux 5.13 or newer with `landlock` in the kernel's lsm= list",
    "seccomp": "needs x86-64 Linux with seccomp filters; a container must allow prctl(PR_SET_SECCOMP)",
    "rlimits": "raise the limits this process inherited (ulimit -a)",
    "still clock": "needs a kernel whose vDSO may be rewritten; some virtual kernels have none",
    "numeric pin": "something between exec and Python cleans the environment; run without a wrapper",
}
_REMEDY_ELSE = "needs Linux on x86-64"


def read_status(pid: int) -> dict[str, str]:
    """Return /proc/<pid>/status as name -> value; empty where there is no such file."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return {}
    pairs = (line.partition(":") for line in lines)
    return {name: value.strip() for name, _, value in pairs}


def judge(*, status: dict[str, str], ready: Ready, hello: Hello) -> SandboxLevel:
    """Return the level of one child.

    Args:
        status: Its /proc status after it said it was ready and before it was sent a strategy.
        ready: What it did and tried.
        hello: What its zygote is.
    """
    layers = [_required("numeric pin", "" if hello.pinned else "the zygote was not exec'd under it")]
    for name, outcome in ready.layers.items():
        layers.append(_required(name, outcome or _contradiction(name, status)))
    layers.append(_required("single thread", _contradiction("single thread", status)))
    open_doors = sorted(name for name, refused in ready.refused.items() if not refused)
    layers.append(_required("self-test", f"these were not refused: {', '.join(open_doors)}" if open_doors else ""))
    layers.append(_required("still clock", hello.clock))
    layers.append(_wanted("fixed addresses", hello.addresses))
    layers.append(_wanted("empty network", hello.network))
    return SandboxLevel(layers=tuple(layers), kernel=f"{platform.system()} {platform.release()}")


def require_full(level: SandboxLevel) -> None:
    """Raise unless every required layer was reached.

    Raises:
        SandboxError: names each missing layer, the kernel and the remedy.
    """
    if level.is_full:
        return
    missing = "; ".join(f"{x.name} ({x.detail}; {_REMEDY.get(x.name, _REMEDY_ELSE)})" for x in level.missing)
    raise SandboxError(
        f"strategy code cannot be confined on {level.kernel}: missing {missing}. "
        "For local research only, --local-dev runs without; its results are no verdict."
    )


def _contradiction(layer: str, status: dict[str, str]) -> str:
    if layer not in _STATUS_WANTED:
        return ""
    field, wanted = _STATUS_WANTED[layer]
    found = status.get(field, "nothing")
    return "" if found == wanted else f"/proc says {field} {found}, expected {wanted}"


def _required(name: str, problem: str) -> Layer:
    return Layer(name=name, required=True, reached=not problem, detail=problem)


def _wanted(name: str, problem: str) -> Layer:
    return Layer(name=name, required=False, reached=not problem, detail=problem)
