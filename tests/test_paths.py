"""A host's folders: what stands in their place is named."""

from __future__ import annotations

import pytest

from autarch.errors import ConfigError
from autarch.paths import private_directory
from live.journal import Journal


def test_a_link_to_nowhere_and_a_file_in_a_folders_place_are_named(tmp_path):
    (tmp_path / "journal").symlink_to(tmp_path / "absent")
    (tmp_path / "file").write_text("")

    for path in (tmp_path / "journal", tmp_path / "file", tmp_path / "file" / "below"):
        with pytest.raises(ConfigError, match=f"cannot make the folder {path}"):
            private_directory(path)
    with pytest.raises(ConfigError, match="cannot be opened"):
        Journal(tmp_path / "journal" / "paper.sqlite3", account="paper")
