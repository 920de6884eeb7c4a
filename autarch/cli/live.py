"""`autarch live`: trust a key, verify a release, trade it, look at the journal. One module a command or two."""

from __future__ import annotations

import importlib

import typer

PARTS = ("verify", "run", "watch", "stop", "kill", "status", "replay", "drift", "conform", "trust")
"""In the order of help. Module `autarch.cli.live_<part>` defines `add(live)`."""


def register(app: typer.Typer) -> None:
    """Add the verb `live`."""
    live = typer.Typer(help="Verify a release and trade it.", no_args_is_help=True)
    for part in PARTS:
        importlib.import_module(f"autarch.cli.live_{part}").add(live)
    app.add_typer(live, name="live")
