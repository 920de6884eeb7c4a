"""A script that plays a careful author: reads, writes, is refused, repairs, tries, compares, hands in.

What it says next is a function of the conversation alone, so a conversation that is taken up again goes on alike.
"""

from __future__ import annotations

import random
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from agents.scripted import foreign, genome
from agents.scripted.genome import Genome, Market
from agents.scripted.talking import Asked, Called, Heard, Reply, Said

REVISIONS_MAX = 3
_FACT = re.compile(r"^(Operator|Folder|Seed|Symbols|Intervals stored): (.+)$", re.MULTILINE)
_QUOTED = re.compile(r'<quoted ([0-9a-f]{12}) from="([^"]*)">\n(.*?)\n</quoted \1>', re.DOTALL)
_PARENT = re.compile(r"^Parent: ([a-z0-9_]+)@(\S+)$", re.MULTILINE)
_SUFFICES = re.compile(r"set warmup = (\d+)")
_SCORE = re.compile(r"score (-?[\d.,]+)")
_PORT = re.compile(r"Trade ([A-Z0-9, ]+) at (\d+[mhd]) by the same mechanism")
_SYMBOLS_MAX = 3


@dataclass(frozen=True, slots=True, kw_only=True)
class Told:
    """What the brief says, as far as this author reads it. `parents`: slug, manifest, code; `named` the first one.

    `elsewhere` is where a port is to trade.
    """

    operator: str
    slug: str
    seed: int
    market: Market
    parents: tuple[tuple[str, str, str], ...]
    named: str
    report: str
    elsewhere: Market | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """A folder in the making: from the grammar, or a parent's files changed. `slip` is a mistake it will be told of."""

    made: Genome | None
    files: Mapping[str, bytes]
    slip: bool = False
    revisions: int = 0


class Author:
    """Plays one vendor's model. `character` makes two authors draw differently from the same seed."""

    def __init__(self, character: str) -> None:
        """Be that character."""
        self._character = character

    def __call__(self, asked: Asked, number: int) -> Reply:  # noqa: ARG002  it says the same however often it is asked
        """Return what comes next in a conversation."""
        if "write_file" not in asked.tools:
            return _filled(asked)
        told = read_brief(asked.first)
        if not asked.turns:
            calls = (Called(name="read_guide", arguments={"section": "warm-up"}), Called(name="list_strategies"))
            return Said(text="I read first.", calls=calls)
        draft, last = self._first(told), asked.turns[-1]
        for turn in asked.turns[:-1]:
            draft = self._revised(draft, told, turn)
        revised = self._revised(draft, told, last)
        return self._next(revised, told, last, anew=len(asked.turns) == 1 or revised is not draft)

    def _next(self, draft: Draft, told: Told, last: tuple[Heard, ...], *, anew: bool) -> Reply:
        done = {heard.name: heard for heard in last}
        if draft.revisions > REVISIONS_MAX:
            reason = {"reason": f"{REVISIONS_MAX} revisions, and still refused: {last[-1].text[:200]}"}
            return Said(calls=(Called(name="give_up", arguments=reason),))
        if anew or any(heard.failed for heard in last):
            return Said(text="A version to check.", calls=_writing(draft))
        if "check_policy" in done:
            return Said(calls=(Called(name="backtest"),))
        if "backtest" in done and told.parents and told.seed % 2 == 0:
            return Said(text="Beside its parent.", calls=(Called(name="compare"),))
        return Said(calls=(Called(name="finish", arguments=_statement(draft, told)),))

    def _first(self, told: Told) -> Draft:
        rng = self._rng(told, 0)
        known = [(slug, m, c, _recognised(m, c)) for slug, m, c in told.parents]
        made = [g for *_, g in known if g is not None]
        parent = told.named
        if told.operator == "repair" and known:
            return _repaired(known[0], told)
        if not known or told.operator in {"create", "exploit"}:
            drawn = genome.draw(rng, told.market)
            return _drafted(drawn, told, slip=told.seed % 5 == 0)
        if told.operator == "cross" and len(made) == 2:
            return _drafted(genome.cross(made[0], made[1], rng), told, parent=parent)
        _, manifest, code, _ = known[0]
        if told.operator == "port" and told.elsewhere is not None:
            moved = foreign.port(manifest.encode(), code.encode(), told.elsewhere, slug=told.slug, parent=parent)
            if moved is not None:
                return Draft(made=None, files=moved)
        if known[0][3] is not None:
            change = genome.simplify if told.operator == "simplify" else genome.mutate
            return _drafted(change(known[0][3], rng), told, parent=parent)
        by = foreign.simplify if told.operator == "simplify" else foreign.alter
        return Draft(made=None, files=by(manifest.encode(), code.encode(), rng, slug=told.slug, parent=parent))

    def _revised(self, draft: Draft, told: Told, turn: tuple[Heard, ...]) -> Draft:
        """Return the draft after what was said of it: a slip corrected, a warm-up set, a loser turned round."""
        refused = [heard for heard in turn if heard.failed and heard.name in {"check_policy", "backtest", "compare"}]
        if not refused and not _is_poor(turn, draft):
            return draft
        number = draft.revisions + 1
        if draft.slip:
            return replace(_drafted(draft.made, told), revisions=number) if draft.made else draft
        rng = self._rng(told, number)
        parent = told.named
        if draft.made is None:
            _, manifest, code = told.parents[0]
            files = foreign.alter(manifest.encode(), code.encode(), rng, slug=told.slug, parent=parent)
            return Draft(made=None, files=files, revisions=number)
        turned = replace(draft.made, against=not draft.made.against)
        changed = genome.simplify(draft.made, rng) if refused else turned
        return replace(_drafted(changed, told, parent=parent), revisions=number)

    def _rng(self, told: Told, number: int) -> random.Random:
        return random.Random(f"{self._character} {told.slug} {told.seed} {number}")  # noqa: S311  repeatable on purpose


def read_brief(first: str) -> Told:
    """Return what the first message asks; what it cannot find it takes as usual."""
    own = _QUOTED.sub("", first)  # what is quoted is others' words, and asks for nothing
    facts = dict(_FACT.findall(own))
    quoted = [(source, text) for _, source, text in _QUOTED.findall(first)]
    manifests = [(source, text) for source, text in quoted if source.endswith(", manifest.toml")]
    codes = dict(pair for pair in quoted if pair[0].endswith(", strategy.py"))
    parents = tuple(
        (source.removeprefix("parent ").removesuffix(", manifest.toml"), text, codes[other])
        for source, text in manifests
        if (other := source.replace("manifest.toml", "strategy.py")) in codes
    )
    names = [name for name in facts.get("Symbols", "BTCUSDT").split(", ") if name]
    interval = re.split(r"[ ,]", facts.get("Intervals stored", "15m"))[0]
    port = _PORT.search(own)
    elsewhere = None if port is None else Market(symbols=tuple(port[1].split(", ")), interval=port[2])
    return Told(
        operator=facts.get("Operator", "create"),
        slug=facts.get("Folder", "strategies/scripted/").split("/")[1],
        seed=int(facts.get("Seed", "0")),
        market=Market(symbols=tuple(names[:_SYMBOLS_MAX]), interval=interval),
        parents=parents,
        named=next((f"{slug}@{commit}" for slug, commit in _PARENT.findall(own)), ""),
        report="\n".join(text for source, text in quoted if "report" in source),
        elsewhere=elsewhere,
    )


def _recognised(manifest: str, code: str) -> Genome | None:
    try:
        parsed = tomllib.loads(manifest)
        own = Market(symbols=tuple(parsed["symbols"]), interval=str(parsed["interval"]))
        found = genome.recognise(code, parsed.get("params", {}), own)
    except (tomllib.TOMLDecodeError, KeyError, TypeError):
        return None
    if found is None:
        return None
    return replace(found, extra_warmup=max(0, int(parsed.get("warmup", 0)) - found.warmup))


def _drafted(made: Genome, told: Told, *, slip: bool = False, parent: str = "") -> Draft:
    files = genome.write(made, slug=told.slug, parent=parent or None)
    if slip:
        files["manifest.toml"] = files["manifest.toml"].replace(b"[params]\n", b"[params]\nspare = 3\n")
    return Draft(made=made, files=files, slip=slip)


def _repaired(known: tuple[str, str, str, Genome | None], told: Told) -> Draft:
    """Return the parent with what its report names put right: the warm-up it suggests, or half as much again."""
    _, manifest, code, _ = known
    found = _SUFFICES.search(told.report)
    old = int(tomllib.loads(manifest).get("warmup", 0))
    bars = int(found.group(1)) if found else old + old // 2 + 50
    files = {"manifest.toml": foreign.with_warmup(manifest.encode(), bars), "strategy.py": code.encode()}
    return Draft(made=None, files=files)


def _writing(draft: Draft) -> tuple[Called, ...]:
    written = [
        Called(name="write_file", arguments={"name": name, "content": content.decode()})
        for name, content in draft.files.items()
    ]
    return (*written, Called(name="check_policy"))


def _is_poor(turn: tuple[Heard, ...], draft: Draft) -> bool:
    """Whether a version of the grammar's lost on train, and has not been turned round yet."""
    if draft.made is None or draft.revisions > 0:
        return False
    found = [_SCORE.search(heard.text) for heard in turn if heard.name == "backtest" and not heard.failed]
    return any(match is not None and match.group(1).startswith("-") for match in found)


def _statement(draft: Draft, told: Told) -> dict[str, str]:
    what = draft.made.name if draft.made is not None else f"a changed {told.parents[0][0]}"
    return {
        "hypothesis": f"Scripted: {what} earns more than it costs on the symbols it names.",
        "mechanism": "Drawn from a grammar without knowledge of markets; its thesis is in the code.",
        "falsifier": "It earns less than nothing on the forward bars after costs.",
        "expected": f"Operator {told.operator}, seed {told.seed}; turnover and holding time follow from its lengths.",
    }


def _filled(asked: Asked) -> Reply:
    """Answer a question that has one tool or a schema: each field by its type, texts from what was shown."""
    if asked.tools:
        name, schema = next(iter(asked.tools.items()))
        return Said(calls=(Called(name=name, arguments=_instance(schema, asked.first)),))
    if asked.schema is not None:
        import json  # noqa: PLC0415  this branch alone

        return Said(text=json.dumps(_instance(asked.schema, asked.first)))
    return Said(text="Scripted: nothing to add.")


def _instance(schema: Mapping[str, Any], text: str) -> Any:
    if "enum" in schema:
        return schema["enum"][0]
    kind = schema.get("type", "string")
    if kind == "object":
        return {name: _instance(inner, text) for name, inner in schema.get("properties", {}).items()}
    if kind == "array":
        return [_instance(schema.get("items", {}), text)]
    if kind in {"integer", "number"}:
        return schema.get("minimum", 0)
    return False if kind == "boolean" else f"Scripted: {_remark(text)}"


_REMARKS = (
    ("rolling", "check that every window ends with the bar it decides on."),
    ("resample", "longer bars must be whole before they are used; warm-up has to cover one more."),
    ("latch", "the state may outlive the warm-up if entries are rare."),
    ("stop_loss", "gaps through the stop fill at the open; is the size still bearable?"),
    ("funding", "funding settles on a schedule; does the edge survive another one?"),
)


def _remark(text: str) -> str:
    return next((remark for word, remark in _REMARKS if word in text), "what would make this lose for a year?")
