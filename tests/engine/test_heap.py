import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
MAPPED_ANEW = """
import resource, sys
import numpy as np
if sys.argv[1] == "kept":
    from autarch.engine.heap import keep_freed_memory
    assert keep_freed_memory()
def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range(3):
    np.ones(8_000_000).sum()
before = faults()
for _ in range(5):
    np.ones(8_000_000).sum()
print(faults() - before)
"""


def faults(mode: str) -> int:
    command = [sys.executable, "-c", MAPPED_ANEW, mode]
    environment = {"PYTHONPATH": str(ROOT), "NUMPY_MADVISE_HUGEPAGE": "0"}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return int(done.stdout)


def test_freed_memory_is_used_again_instead_of_mapped_anew():
    # 5 arrays of 64 MB are 78,125 pages of 4 kB
    assert faults("given back") > 50_000
    assert faults("kept") < 1_000
