"""The official MCP client drives the tools; what it tries counts like what the loop tries."""

from __future__ import annotations

import asyncio
import json
import os
import random
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from mcp import Client, StdioServerParameters, stdio_client
from mcp.client.session import ClientSession

from agents.scripted.genome import draw, write
from agents.serving import make_server
from agents.tools.offered import NAMES, TOOLS

from .yard import MARKET, a_brief, a_household

ROOT = Path(__file__).parents[2]
SAID = {
    "hypothesis": "Trends go on for a while.",
    "mechanism": "News takes its time to arrive.",
    "falsifier": "It loses on the forward bars.",
    "expected": "A few trades a week, held for a day.",
}
SERVE = """
import sys
from pathlib import Path
from agents.interactive import InteractiveProposer
from agents.ports import NoProposalError
from tests.agents.yard import a_brief, a_household

with a_household(Path(sys.argv[1])) as house:
    try:
        made = InteractiveProposer(house, model="claude-sonnet-5-5").propose(a_brief(house))
        told = [made.agent, len(made.trials), sorted(made.files), made.trailers()]
    except NoProposalError as error:
        told = [str(error), len(error.trials)]
import json
Path(sys.argv[2]).write_text(json.dumps(told))
"""


@pytest.fixture
def files():
    return write(draw(random.Random(4), MARKET), slug="new_trend")  # noqa: S311  repeatable on purpose


def text_of(result) -> str:
    return "".join(block.text for block in result.content)


def in_memory(box, steps):
    """Run `steps` with a client that is connected to a server of this process."""

    async def main():
        with ThreadPoolExecutor(1) as hands:

            def call(name, arguments):
                answer = box.call(name, arguments)
                return answer.text, answer.failed

            async with Client(make_server(TOOLS, call, hands)) as client:
                return await steps(client)

    return asyncio.run(main())


@pytest.fixture
def box(tmp_path):
    with a_household(tmp_path) as house:
        yield house.furnish(a_brief(house), kind="interactive", model="none")


def test_it_offers_the_loops_tools_with_their_schemas(box):
    async def steps(client):
        return (await client.list_tools()).tools

    tools = in_memory(box, steps)

    assert tuple(tool.name for tool in tools) == NAMES
    assert all(tool.input_schema["additionalProperties"] is False for tool in tools)


def test_a_session_writes_tries_and_hands_in_and_each_version_is_one_trial(box, files):
    async def steps(client):
        told = []
        for name, content in files.items():
            told.append(await client.call_tool("write_file", {"name": name, "content": content.decode()}))
        for name, arguments in (("check_policy", {}), ("backtest", {}), ("backtest", {}), ("finish", SAID)):
            told.append(await client.call_tool(name, arguments))
        return told

    told = in_memory(box, steps)

    assert [one.is_error for one in told] == [False] * 6
    assert text_of(told[-1]) == "handed in"
    assert len(box.counter.trials()) == 1  # the second run was of the same version
    assert box.finished.files == files


@pytest.mark.parametrize(
    ("name", "arguments", "said"),
    [
        ("write_file", {"name": "../../ci/policy.toml", "content": "x"}, "outside your folder"),
        ("read_strategy", {"slug": "../../etc/passwd"}, "no strategy's name"),
        ("read_strategy", {}, "slug"),
        ("steal", {}, "there is no tool"),
        ("backtest", {}, "lacks manifest.toml"),
    ],
)
def test_a_bad_call_is_answered_as_an_error_and_the_session_goes_on(box, name, arguments, said):
    async def steps(client):
        bad = await client.call_tool(name, arguments)
        return bad, await client.call_tool("list_strategies", {})

    bad, good = in_memory(box, steps)

    assert bad.is_error
    assert said in text_of(bad)
    assert "ema_trend" in text_of(good)


def test_a_client_over_pipes_drives_a_whole_session(tmp_path, files):
    told = tmp_path / "told.json"
    environment = {"PYTHONPATH": str(ROOT), "PATH": os.defpath}
    served = StdioServerParameters(
        command=sys.executable, args=["-c", SERVE, str(tmp_path), str(told)], env=environment, cwd=str(ROOT)
    )

    async def main():
        async with stdio_client(served) as (read, write_to), ClientSession(read, write_to) as session:
            hello = await session.initialize()
            for name, content in files.items():
                await session.call_tool("write_file", {"name": name, "content": content.decode()})
            await session.call_tool("backtest", {})
            last = await session.call_tool("finish", SAID)
            return hello.instructions, text_of(last)

    instructions, last = asyncio.run(main())
    agent, trials, names, trailers = json.loads(told.read_text())

    assert "strategies/new_trend/" in instructions
    assert last == "handed in"
    assert (agent, trials, names) == ("interactive", 1, ["manifest.toml", "strategy.py"])
    assert ["Knowledge-Cutoff", "2026-06-30"] in trailers
