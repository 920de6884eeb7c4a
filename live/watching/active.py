"""What each account of this host trades, as its journal says: the release of its newest run."""

from __future__ import annotations

from live.host import Host
from live.journal import Journal


def active_tags(host: Host) -> dict[str, str]:
    """Return account -> release, for every account that ever traded here.

    Raises:
        ConfigError: a journal cannot be read.
    """
    found: dict[str, str] = {}
    for path in sorted(host.journal_path("x").parent.glob("*.sqlite3")):
        with Journal(path, account=path.stem, read_only=True) as journal:
            opened = journal.last("opened")
        if opened is not None:
            found[path.stem] = str(opened.body["tag"])
    return found
