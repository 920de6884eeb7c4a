"""`autarch data`: make, import, download, check, share and list data sets."""

from __future__ import annotations

import typer

from autarch.cli.data_make import import_, sync, synth
from autarch.cli.data_show import ls, push, verify


def register(app: typer.Typer) -> None:
    """Add the verb `data`."""
    data = typer.Typer(help="Make, import, download, verify, push and list data sets.", no_args_is_help=True)
    data.command("synth")(synth)
    data.command("import")(import_)
    data.command("sync")(sync)
    data.command("verify")(verify)
    data.command("push")(push)
    data.command("ls")(ls)
    app.add_typer(data, name="data")
