"""The tools by name, as a model is told of them; one list for vendors' APIs and for MCP."""

from __future__ import annotations

from typing import Any

from agents.vendors.wire import Tool

_TEXT: dict[str, Any] = {"type": "string"}
_PARAMS: dict[str, Any] = {
    "type": "object",
    "description": "Values that replace those of [params] for this run alone.",
    "additionalProperties": {"type": ["number", "boolean"]},
}


def _tool(name: str, description: str, properties: dict[str, Any] | None = None, *required: str) -> Tool:
    schema = {
        "type": "object",
        "properties": properties or {},
        "required": list(required),
        "additionalProperties": False,
    }
    return Tool(name=name, description=description, schema=schema)


TOOLS: tuple[Tool, ...] = (
    _tool("list_strategies", "Name every strategy on main with its title, symbols and interval."),
    _tool(
        "read_strategy", "Read manifest.toml and strategy.py of one strategy on main, as data.", {"slug": _TEXT}, "slug"
    ),
    _tool(
        "read_guide",
        "Read the authoring guide: without a section its headings, with one that section.",
        {"section": {**_TEXT, "description": "A heading, or words of it."}},
    ),
    _tool("leaderboard", "Show how the strategies on main rank."),
    _tool("rejections", "Show what the gate refused lately, and by which check."),
    _tool(
        "write_file",
        "Write one file of your folder, whole: manifest.toml, strategy.py or README.md.",
        {"name": _TEXT, "content": _TEXT},
        "name",
        "content",
    ),
    _tool("read_draft", "Read your folder as it is now."),
    _tool("check_policy", "Check your folder against the manifest's schema and the source policy. Costs no trial."),
    _tool(
        "backtest",
        "Play your folder on train bars. Every new version is a trial, kept for ever, and raises what a verdict asks.",
        {"params": _PARAMS},
    ),
    _tool(
        "compare",
        "Set your folder beside a strategy on main: metrics of both, correlation, share of alike decisions.",
        {"slug": {**_TEXT, "description": "Default: the first parent of the brief."}},
    ),
    _tool(
        "finish",
        "Hand in your folder. It must pass check_policy and have been played as it is.",
        {
            "hypothesis": {**_TEXT, "description": "What you claim, in one or two sentences."},
            "mechanism": {**_TEXT, "description": "Why it should be so: who pays, and why they go on."},
            "falsifier": {**_TEXT, "description": "What you would see on new bars if you were wrong."},
            "expected": {**_TEXT, "description": "How it behaves: turnover, holding time, when it loses."},
        },
        "hypothesis",
        "mechanism",
        "falsifier",
        "expected",
    ),
    _tool(
        "give_up",
        "Hand in nothing, and say why. An honest no costs less than a bad proposal.",
        {"reason": _TEXT},
        "reason",
    ),
)
NAMES = tuple(tool.name for tool in TOOLS)
