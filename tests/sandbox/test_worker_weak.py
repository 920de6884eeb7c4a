"""On a kernel that lacks a layer nothing is decided, unless weak is asked for, and then it is said."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """\
import json, struct, sys
sys.path.insert(0, sys.argv[1])
from autarch.errors import SandboxError
from autarch.sandbox import Worker, bpf, kernel, sandbox_report
from conftest import build_source, build_window

# A kernel without one call, as seen from inside: it answers ENOSYS, to us and to all we start.
missing = int(sys.argv[2])
program = [(0x20, 0, 0, 0), (0x15, 0, 1, missing), (0x06, 0, 0, 0x00050000 | 38), (0x06, 0, 0, 0x7FFF0000)]
kernel.no_new_privileges()
kernel.install_filter(bpf.encode(program))
try:
    with Worker() as worker:
        worker.session(build_source("return Targets(exposure=np.zeros(n))"))
    refused = ""
except SandboxError as error:
    refused = str(error)
source = build_source("return Targets(exposure=bars.close / 100)")
with Worker(allow_weak=True) as weak, weak.session(source) as session:
    answer = session.decide(build_window(), keep=1).exposure.tolist()
    level = session.level
print(json.dumps([refused, answer, level.is_full, [x.name for x in level.missing], level.summary()]))
"""


@pytest.mark.parametrize(("layer", "number"), [("landlock", 444), ("capabilities", 126)])
def test_without_a_layer_a_session_is_refused_and_a_weak_one_says_what_it_lacks(tmp_path, layer, number) -> None:
    script = tmp_path / "lacking.py"
    script.write_text(SCRIPT, encoding="ascii")

    done = subprocess.run(
        [sys.executable, str(script), str(Path(__file__).parent), str(number)],
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    refused, answer, is_full, missing, summary = json.loads(done.stdout)

    assert f"missing {layer}" in refused
    assert "--local-dev" in refused
    assert answer == [0.08]  # the eighth bar closes at 8
    assert is_full is False
    assert missing == [layer]
    assert summary.startswith("weak, not a verdict on Linux")
