"""The source policy: may these bytes be a strategy? An allow-list, read from the syntax tree.

It keeps strategies honest and refusals early and clear. It is not the security boundary: that is
the confined process the code runs in, which assumes that this check was fooled.
"""

from __future__ import annotations

import ast

from autarch.manifest import StrategySource
from autarch.sandbox.source_budget import check_budget, check_shape
from autarch.sandbox.source_finding import Finding
from autarch.sandbox.source_names import BUILTINS
from autarch.sandbox.source_nodes import Nodes
from autarch.sandbox.source_rules import Rules
from autarch.sandbox.source_strings import check_strings
from autarch.sandbox.source_text import parse_text
from autarch.sandbox.source_thesis import check_decide, check_manifest, check_thesis, parameters_of

__all__ = ["BUILTINS", "FINDINGS_MAX", "Finding", "check_source"]

FINDINGS_MAX = 50
"""Findings reported at most; who repairs fifty asks again."""


def check_source(source: StrategySource) -> tuple[Finding, ...]:
    """Return what the policy refuses in a strategy's code, in order of place; empty when it passes.

    Never raises on any bytes: what cannot be parsed is a finding.
    """
    tree, findings = parse_text(source.code)
    if tree is None:
        return findings
    nodes, findings = check_shape(tree)
    return findings or _check_tree(tree, nodes, source)


def _check_tree(tree: ast.Module, nodes: Nodes, source: StrategySource) -> tuple[Finding, ...]:
    params, context = source.manifest.params, source.manifest.context
    decide, findings = check_decide(tree, nodes)
    rules = Rules(tree, nodes, p=None if decide is None else parameters_of(decide)[1], params=params)
    rules.visit(tree)
    everything = [*rules.findings, *findings, *check_thesis(tree), *check_strings(nodes)]
    everything += check_budget(nodes, params=tuple(params.values()))
    if decide is not None:
        everything += check_manifest(nodes, decide, params=params, context=context)
    unique = dict.fromkeys(sorted(everything, key=lambda f: (f.line, f.column, f.construct)))
    return tuple(unique)[:FINDINGS_MAX]
