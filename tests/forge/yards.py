"""One forge for one attack, outside of a test run."""

from __future__ import annotations

import tempfile
from pathlib import Path

from .attacks import Attack
from .conftest import Keys, make_keys, make_project, make_yard


def tried(attack: Attack) -> str:
    """Try an attack on a forge of its own and return what it was told.

    Raises:
        HoleError: nothing stopped it.
    """
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        keys: Keys = make_keys(root)
        with make_yard(root, make_project(root, keys), keys) as yard:
            return attack.run(yard)
