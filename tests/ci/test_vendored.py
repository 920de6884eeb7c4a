"""What is vendored is what was published: each file by the digest beside it, with its licence."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path

ROW = re.compile(r"^\| (?P<file>\S+\.js) \|.*see (?P<licence>\S+) \| `(?P<digest>[0-9a-f]{64})` \|$", re.MULTILINE)


def test_every_vendored_file_is_named_with_its_digest_and_its_licence(root: Path) -> None:
    folder = root / "ci" / "assets" / "vendor"
    rows = {found["file"]: found for found in ROW.finditer((folder / "README.md").read_text("utf-8"))}

    assert set(rows) == {path.name for path in folder.glob("*.js")}
    for name, row in rows.items():
        assert hashlib.sha256((folder / name).read_bytes()).hexdigest() == row["digest"]
        assert "Apache License" in (folder / row["licence"]).read_text("utf-8")
