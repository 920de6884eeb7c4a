"""What workflows judge, and where: a small project with keys and bars, strategies, stubs of other people's actions."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import textwrap
from dataclasses import dataclass
from pathlib import Path

from autarch.market.build import build, write_blobs
from autarch.market.lock_toml import lock_toml
from autarch.market.stores import Stores
from autarch.market.synth_dataset import default_spec, synth_recipe
from autarch.repo import signing
from autarch.repo.git import GitRepo
from autarch.repo.objects import Person
from autarch.repo.signers import signers_file

ROOT = Path(__file__).resolve().parent.parent.parent
SOMEBODY = Person(name="Somebody", email="somebody@example.invalid", when_s=1_700_000_000)
N_BARS = 16_000
ROLES = {"human": "human", "ci": "ci", "tuner": "agent", "deployer": "deployer"}

MANIFEST = """schema = 1
name = "{slug}"
title = "A trend"
symbols = ["BTCUSDT"]
interval = "15m"
mode = "each"
warmup = 400
max_leverage = 1.0
[params]
fast = 10
slow = 40
[search]
fast = {{low = 8, high = 14, step = 2}}
"""
HEAD = '''"""Follow a trend, for a test.

Thesis: none; it shows what a workflow does with it.
Source: own choice.
Dies when: the test ends.
"""

import numpy as np
import talib

from autarch.strategy import Bars, Params, Targets


def decide(bars: Bars, p: Params) -> Targets:
    """Be long while the quick average is above the slow one."""
    gap = talib.EMA(bars.close, p.fast) - talib.EMA(bars.close, p.slow)
'''
HONEST = f"{HEAD}    return Targets(exposure=np.where(gap > 0, 1.0, 0.0))\n"
PEEKS = f"{HEAD}    return Targets(exposure=np.where(bars.close > bars.close.mean(), 1.0, 0.0))\n"
REACHES = HONEST.replace("import talib\n", "import os\nimport talib\n")


STUBS = {
    "checkout": """\
git init --quiet --initial-branch=main .
git fetch --quiet "$STUB_ORIGIN" '+refs/heads/*:refs/remotes/origin/*' '+refs/tags/*:refs/tags/*'
ref="${{ inputs.ref }}"
oid="$(git rev-parse --quiet --verify "refs/remotes/origin/$ref^{commit}" || git rev-parse "$ref")"
git checkout --quiet --force --detach "$oid"
""",
    "setup-uv": 'echo "$STUB_BIN" >> "$GITHUB_PATH"',
    "upload-artifact": """\
mkdir -p "$ACT_ARTIFACTS/${{ inputs.name }}"
from="${{ inputs.path }}"
if test -d "$from"; then from="$from/."; fi
cp -r "$from" "$ACT_ARTIFACTS/${{ inputs.name }}/"
""",
    "download-artifact": """\
mkdir -p "${{ inputs.path }}"
cp -a "$ACT_ARTIFACTS/${{ inputs.name }}/." "${{ inputs.path }}/"
""",
}
"""What stands in for actions that others wrote: composite ones of a few lines, on this host alone."""


PORTFOLIO = b"""schema = 1
[[account]]
name = "paper"
venue = "paper"
capital = 100_000
margin_mode = "isolated"
[account.limits]
max_gross_leverage = 2.0
max_order_notional = 250_000
orders_per_minute = 60
max_daily_loss_frac = 0.25
max_drawdown_frac = 0.6
[[account.sleeves]]
strategy = "a_trend"
weight = 0.5
tier = "T1"
"""


def strategy(slug: str = "a_trend", code: str = HONEST) -> dict[str, bytes]:
    """Return the files of one strategy."""
    return {
        f"strategies/{slug}/manifest.toml": MANIFEST.format(slug=slug).encode(),
        f"strategies/{slug}/strategy.py": code.encode(),
    }


def opened_policy() -> bytes:
    """Return the walk-through's policy on the synthetic data set, asking little: every law holds, limits are open."""
    text = (ROOT / "ci/policy.walkthrough.toml").read_text()
    smaller = (
        ('datasets = ["bybit-15m"]', 'datasets = ["hills"]'),
        ("cuts = 6000", "cuts = 300"),
        ("fresh_cuts = 50", "fresh_cuts = 3"),
        ("poisoned_blocks = 60", "poisoned_blocks = 4"),
        ("referee_bars = 20000", "referee_bars = 200"),
        ("placebo_bars = 4000000", "placebo_bars = 0"),
        ("jitter_sets = 16", "jitter_sets = 1"),
        ("bars = 3000", "bars = 200"),
        ("changes = 500", "changes = 20"),
        ("random_bars = 200", "random_bars = 20"),
        ("spa_resamples = 500", "spa_resamples = 100"),
        ("book_resamples = 500", "book_resamples = 10"),
        ("search_sets = 24", "search_sets = 2"),
    )
    for old, new in smaller:
        assert old in text, old
        text = text.replace(old, new, 1)
    return text.encode()


def copy_code(folder: Path) -> None:
    """Copy what steps run, so that who edits the project meanwhile does not change what is running."""
    ignore = shutil.ignore_patterns("__pycache__")
    for package in ("autarch", "ci", "agents", "live", ".github"):
        shutil.copytree(ROOT / package, folder / package, ignore=ignore)
    shutil.copy(ROOT / "requirements.lock", folder)


@dataclass(frozen=True)
class Ground:
    """What all tests share: a project's first commit, its keys, its bars."""

    repo: GitRepo
    key: Path
    release_key: Path
    stores: Stores
    tools: Path


def make_ground(folder: Path, *, whole: bool, n_bars: int = N_BARS, policy: bytes | None = None) -> Ground:
    """Make bars, keys, a project, and stubs of the actions that others wrote.

    `whole`: with all code, so that its own steps can judge by it; else with a line in its place. `policy`: default the
    opened one that asks little.
    """
    stores = Stores.under(folder / "bars")
    built = build(synth_recipe(default_spec(seed=11, n_bars=n_bars), name="hills"))
    write_blobs(built, stores)
    keys = {name: folder / name for name in ("ci", "release")}
    lines = {name: signing.generate_key(path, comment=name) for name, path in keys.items()}
    code = folder / "code"
    code.mkdir()
    if whole:
        copy_code(code)
    files = {
        "ci/policy.toml": policy or opened_policy(),
        "ci/datasets/hills.toml": lock_toml(built.lock),
        "ci/signers/ci": signers_file("ci", (lines["ci"],)),
        "ci/signers/release": signers_file("release", (lines["release"],)),
        ".github/CODEOWNERS": b"* @human\n/strategies/\n",
        "README.md": b"a project\n",
    } | ({} if whole else {"ci/gate.py": b"x = 1\n", "requirements.lock": b"a==1\n"})
    for name, content in files.items():
        (code / name).parent.mkdir(parents=True, exist_ok=True)
        (code / name).write_bytes(content)
    tools = make_tools(folder / "tools", code)
    return Ground(repo=_committed(code), key=keys["ci"], release_key=keys["release"], stores=stores, tools=tools)


def _committed(code: Path) -> GitRepo:
    env = clean_environment(code.parent) | {
        "GIT_AUTHOR_DATE": "1700000000 +0000",
        "GIT_COMMITTER_DATE": "1700000000 +0000",
    }
    who = ("-c", "user.name=Somebody", "-c", "user.email=somebody@example.invalid")
    for command in (
        ("init", "--quiet", "--initial-branch=main"),
        ("add", "--all"),
        ("commit", "--quiet", "-m", "Begin"),
    ):
        subprocess.run(["git", *who, *command], cwd=code, env=env, check=True)
    return GitRepo(code)


def make_tools(folder: Path, code: Path) -> Path:
    """Write stubs of third-party actions, and a `uv` that gives the interpreter of this environment."""
    inputs = (
        "ref",
        "fetch-depth",
        "persist-credentials",
        "name",
        "path",
        "run-id",
        "github-token",
        "if-no-files-found",
        "retention-days",
        "version",
    )
    more = ("python-version", "enable-cache", "save-cache", "cache-dependency-glob")
    told = "".join(f"  {name}:\n    default: ''\n" for name in (*inputs, *more))
    for name, command in STUBS.items():
        (folder / name).mkdir(parents=True)
        (folder / name / "action.yml").write_text(
            f"name: {name}\ndescription: a stub\ninputs:\n{told}runs:\n  using: composite\n  steps:\n"
            f"    - shell: bash\n      run: |\n{textwrap.indent(command, ' ' * 8)}\n"
        )
    uv = folder / "bin" / "uv"
    uv.parent.mkdir()
    uv.write_text(
        "#!/bin/sh\n"
        'test "$1" = venv || exit 0\n'
        "mkdir -p .venv/bin\n"
        f"printf '#!/bin/sh\\nPYTHONPATH={code} exec {sys.executable} \"$@\"\\n' > .venv/bin/python\n"
        "chmod +x .venv/bin/python\n"
    )
    uv.chmod(0o755)
    return folder


def pinned_actions() -> set[str]:
    """Return every action of another repository that workflows use, as owner/name@sha."""
    text = "".join(path.read_text() for path in sorted((ROOT / ".github").rglob("*.yml")))
    return set(re.findall(r"uses: ([\w-]+/[\w-]+@\S+)", text))


def clean_environment(home: Path) -> dict[str, str]:
    """Return an environment with nothing of ours: act hands the outer one to every step."""
    return {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_PAGER": "cat",
        "GIT_TERMINAL_PROMPT": "0",
    }
