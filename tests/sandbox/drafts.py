"""A strategy to try the source policy on: what a test writes at its top and in `decide`, and what is found."""

from autarch.manifest import parse_source
from autarch.sandbox.source_policy import check_source

MANIFEST = """
schema = 1
name = "probe"
title = "A probe"
symbols = ["BTCUSDT"]
context = ["ETHUSDT"]
interval = "15m"
mode = "each"
warmup = 100
max_leverage = 1.0
[params]
fast = 20
"""

FRAME = '''"""A strategy to try the policy on.

Thesis: prices move.
Source: own choice.
Dies when: they stop.
"""

import math

import numpy as np
import pandas as pd
import talib

from autarch.strategy import Bars, Params, Targets, ops

{top}


def decide(bars: Bars, p: Params) -> Targets:
    """Stay flat."""
    fast = p.fast
{body}
    return Targets(exposure=np.zeros(len(bars.close)))
'''


def findings_of(*, top="", body="pass", params=""):
    indented = "\n".join("    " + line for line in body.splitlines())
    code = FRAME.format(top=top, body=indented)
    manifest = MANIFEST + params
    return check_source(parse_source(slug="probe", manifest_bytes=manifest.encode(), code=code.encode()))


def text_of(findings):
    return "\n".join(map(str, findings))
