"""A script in the place of a command-line agent: asks the model behind its base address, edits files, runs its tools.

    python -m agents.scripted.cli PROMPT --output claude|codex --model NAME --turns N

It prints what Claude Code or Codex CLI would print as JSON. It knows nothing that a real program would not be told:
its prompt, its environment, its working folder.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from agents.tools.offered import TOOLS

SECONDS = 120.0
_COUNTS = ("input_tokens", "output_tokens", "cache_read_input_tokens", "cache_creation_input_tokens")


def main(argv: list[str]) -> int:
    """Run until the model has no more to do; 0 done, 1 the turns ran out or the vendor said no."""
    parser = argparse.ArgumentParser(prog="scripted")
    parser.add_argument("prompt")
    parser.add_argument("--output", choices=("claude", "codex"), required=True)
    parser.add_argument("--model", required=True)
    parser.add_argument("--turns", type=int, default=20)
    asked = parser.parse_args(argv)
    talk: list[dict[str, Any]] = [{"role": "user", "content": asked.prompt}]
    total = dict.fromkeys(_COUNTS, 0)
    _print(asked.output, {"type": "system", "subtype": "init"}, {"type": "thread.started", "thread_id": "t"})
    for turn in range(1, asked.turns + 1):
        try:
            message = _ask(talk, asked.model)
        except OSError as error:
            return _end(asked.output, total, turn, f"error_during_execution: {error}")
        for name in _COUNTS:
            total[name] += int(message["usage"].get(name) or 0)
        talk.append({"role": "assistant", "content": message["content"]})
        _print(asked.output, {"type": "assistant", "message": message}, {"type": "turn.started"})
        calls = [block for block in message["content"] if block["type"] == "tool_use"]
        if not calls:
            return _end(asked.output, total, turn, "")
        results = [_run(block) for block in calls]
        talk.append({"role": "user", "content": results})
        if any(block["name"] in {"finish", "give_up"} for block in calls) and not results[-1]["is_error"]:
            return _end(asked.output, total, turn, "")
    return _end(asked.output, total, asked.turns, "error_max_turns")


def _ask(talk: list[dict[str, Any]], model: str) -> dict[str, Any]:
    tools = [{"name": t.name, "description": t.description, "input_schema": dict(t.schema)} for t in TOOLS]
    body = {"model": model, "max_tokens": 8_000, "system": "cli", "messages": talk, "tools": tools}
    request = urllib.request.Request(  # noqa: S310  the address the run was given
        f"{os.environ['ANTHROPIC_BASE_URL']}/v1/messages",
        data=json.dumps(body).encode(),
        headers={"x-api-key": os.environ["ANTHROPIC_API_KEY"], "content-type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=SECONDS) as answer:
        found: dict[str, Any] = json.loads(answer.read())
    return found


def _run(block: Mapping[str, Any]) -> dict[str, Any]:
    name, arguments = block["name"], block["input"]
    if name == "write_file":
        text, failed = _write(str(arguments["name"]), str(arguments["content"]))
    else:
        done = subprocess.run(
            [sys.executable, "tool.py", name, json.dumps(arguments)], capture_output=True, text=True, check=False
        )
        text, failed = done.stdout + done.stderr, done.returncode != 0
    return {"type": "tool_result", "tool_use_id": block["id"], "content": text, "is_error": failed}


def _write(name: str, content: str) -> tuple[str, bool]:
    """Write as an editor would, into the one folder that lets itself be written."""
    own = next((f for f in sorted(Path("strategies").iterdir()) if _is_own(f)), None)
    if own is None:
        return "no folder here can be written", True
    (own / name).write_text(content, encoding="utf-8")
    return f"{name}: written", False


def _is_own(folder: Path) -> bool:
    return f"Folder: {folder}/" in sys.argv[1]


def _print(kind: str, claude: Mapping[str, Any], codex: Mapping[str, Any]) -> None:
    sys.stdout.write(json.dumps(claude if kind == "claude" else codex) + "\n")
    sys.stdout.flush()


def _end(kind: str, total: Mapping[str, int], turns: int, problem: str) -> int:
    result = {
        "type": "result",
        "subtype": problem or "success",
        "is_error": bool(problem),
        "result": "done",
        "session_id": "scripted",
        "num_turns": turns,
        "total_cost_usd": 0.0,
        "usage": dict(total),
    }
    cached = total["cache_read_input_tokens"]
    into = total["input_tokens"] + cached + total["cache_creation_input_tokens"]
    usage = {"input_tokens": into, "cached_input_tokens": cached, "output_tokens": total["output_tokens"]}
    last = {"type": "turn.failed", "error": problem} if problem else {"type": "turn.completed", "usage": usage}
    _print(kind, result, last)
    return int(bool(problem))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
