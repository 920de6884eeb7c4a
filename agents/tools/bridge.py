"""A command-line agent's hands: its tools over the gateway, as a command, or as an MCP server for who speaks that.

python tool.py backtest '{"params": {}}'
python tool.py --mcp
"""

from __future__ import annotations

import json
import sys
import urllib.error
import urllib.request
from collections.abc import Mapping
from typing import Any

from agents.tools.offered import TOOLS

SECONDS = 900.0
OFFERED = tuple(tool for tool in TOOLS if tool.name != "write_file")
"""Files are written with the agent's own editor."""


def call(gateway: str, word: str, name: str, arguments: Mapping[str, Any]) -> tuple[str, bool]:
    """Run a tool and return what it says, and whether it failed."""
    request = urllib.request.Request(  # noqa: S310  our own gateway's address
        f"{gateway}/tools/{name}",
        data=json.dumps(arguments).encode(),
        headers={"authorization": f"Bearer {word}", "content-type": "application/json"},
        method="POST",
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    try:
        with opener.open(request, timeout=SECONDS) as answer:
            found = json.loads(answer.read())
    except urllib.error.HTTPError as error:
        return f"refused: {error.read()[:2_000].decode('utf-8', 'replace')}", True
    return str(found["text"]), bool(found["failed"])


def main(argv: list[str], *, gateway: str, word: str) -> int:
    """Run one tool, or serve all of them; 0 done, 1 the tool failed, 2 misuse."""
    if argv == ["--mcp"]:
        from agents.serving import serve_stdio  # noqa: PLC0415  a second of imports that one call does not need

        serve_stdio(OFFERED, lambda name, arguments: call(gateway, word, name, arguments))
        return 0
    names = [tool.name for tool in OFFERED]
    if not 1 <= len(argv) <= 2 or argv[0] not in names:
        sys.stderr.write(f"usage: tool.py NAME [JSON]; names: {', '.join(names)}\n")
        return 2
    try:
        arguments = json.loads(argv[1]) if len(argv) == 2 else {}
    except ValueError as error:
        sys.stderr.write(f"the arguments are no JSON: {error}\n")
        return 2
    text, failed = call(gateway, word, argv[0], arguments)
    sys.stdout.write(f"{text}\n")
    return int(failed)
