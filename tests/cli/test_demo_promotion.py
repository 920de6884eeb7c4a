"""The second walk, whole: luck refused, an edge merged at T1, judged once, promoted, released at T2."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow


def test_a_lucky_candidate_is_refused_and_an_honest_one_is_promoted(tmp_path: Path, root: Path) -> None:
    command = [sys.executable, "-P", "-m", "autarch", "demo", "--promotion", "--trials", "4", "--dir"]

    done = subprocess.run([*command, str(tmp_path / "walk")], cwd=root, capture_output=True, text=True, check=False)

    assert done.returncode == 0, done.stdout[-3000:] + done.stderr[-3000:]
    lucky, honest = done.stdout.partition("3. An honest candidate")[::2]
    assert "rejected: " in lucky
    assert honest.count("ema_trend: may be promoted") == 2
    assert "ema_trend: may be promoted (asked before; nothing was spent)" in honest
    assert "test 1 ran at level 0.0219; wealth left 0.07813" in honest  # 0.05 - 0.0218745 + (0.10 - 0.05)
    assert "paper: ema_trend  T2  weight 0.5" in honest
    assert "the verdict holds from" in honest
