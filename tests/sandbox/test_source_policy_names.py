"""What a strategy may take from the libraries: the allow-list of imports, functions and attributes."""

import builtins
import math

import numpy as np
import pandas as pd
import pytest
import talib

from autarch.sandbox import source_names
from autarch.strategy import ops

from .drafts import findings_of, text_of

IMPORTS = [
    "import os",
    "import os.path",
    "import subprocess as work",
    "from os import environ as settings",
    "from sys import modules",
    "import importlib",
    "import gc",
    "import inspect",
    "import ctypes",
    "import threading as parallel",
    "from asyncio import run",
    "from pickle import loads",
    "from random import gauss",
    "import secrets",
    "from uuid import uuid4",
    "from time import time_ns",
    "from datetime import datetime",
    "import math, shutil as numpy",
    "import numpy as math",
    "import pandas as bars",
    "from math import *",
    "from numpy import *",
    "from ...live import keys",
    "from . import sibling",
    "from autarch.data import _frames",
    "from autarch.strategy import contract",
    "from autarch.strategy import Bars as Rows",
    "from autarch.strategy.contract import Bars",
    "import autarch.strategy",
    "import autarch",
    "from strategies.ema_trend import strategy",
    "from functools import reduce",
    "from operator import attrgetter",
    "from dataclasses import make_dataclass",
    "from collections import namedtuple",
    "from typing import get_type_hints",
    "from numpy import f2py",
    "from numpy import load",
    "from numpy import random",
    "from numpy import linalg",
    "from pandas import read_csv",
    "from talib import set_unstable_period",
    "from talib import abstract",
    "from __future__ import braces",
    "import numpy.random",
    "import numpy.lib.stride_tricks as tricks",
    "import talib.stream",
]


@pytest.mark.parametrize("top", IMPORTS)
def test_an_import_beyond_the_few_allowed_is_refused_at_its_line(top):
    found = findings_of(top=top)

    assert found
    assert found[0].line == 16
    assert "import" in found[0].construct


NUMPY_AND_PANDAS = [
    ('np.load("weights.npy", allow_pickle=True)', "numpy.load"),
    ('np.fromfile("/proc/self/maps")', "numpy.fromfile"),
    ('np.memmap("bars.bin")', "numpy.memmap"),
    ('np.genfromtxt("https://host.invalid/x.csv")', "numpy.genfromtxt"),
    ('np.lib.npyio.DataSource("x")', "numpy.lib"),
    ("np.lib.os.sep", "numpy.lib"),
    ("np.ctypeslib.load_library", "numpy.ctypeslib"),
    ('np.testing.rundocs("s.py")', "numpy.testing"),
    ("np.f2py.run_main([])", "numpy.f2py"),
    ("np.lib.stride_tricks.as_strided(bars.close, (9,), (8,))", "numpy.lib"),
    ('np.seterr(over="ignore")', "numpy.seterr"),
    ("np.set_printoptions(precision=2)", "numpy.set_printoptions"),
    ("np.random.normal()", "numpy.random"),
    ("np.random.default_rng(1).normal()", "numpy.random"),
    ("np.empty(9)", "numpy.empty"),
    ("np.empty_like(bars.close)", "numpy.empty_like"),
    ("np.roll(bars.close, -1)", "numpy.roll"),
    ("np.gradient(bars.close)", "numpy.gradient"),
    ("np.frombuffer(bars.close)", "numpy.frombuffer"),
    ("np.linalg.LinAlgError", "numpy.linalg.LinAlgError"),
    ("np.linalg.linalg", "numpy.linalg.linalg"),
    ("np.datetime64", "numpy.datetime64"),
    ("np.core.multiarray", "numpy.core"),
    ("bars.high.base[-1]", ".base"),
    ("bars.high.ctypes", ".ctypes"),
    ("bars.high.data", ".data"),
    ("bars.high.setflags(write=1)", ".setflags"),
    ("bars.high.flags", ".flags"),
    ('bars.high.tofile("o")', ".tofile"),
    ('bars.high.dump("o")', ".dump"),
    ("bars.high.tobytes()", ".tobytes"),
    ("bars.high.view(complex)", ".view"),
    ("bars.high.strides", ".strides"),
    ('pd.read_parquet("x")', "pandas.read_parquet"),
    ('pd.eval("1+1")', "pandas.eval"),
    ('pd.io.common.os.system("id")', "pandas.io"),
    ('pd.set_option("mode.copy_on_write", True)', "pandas.set_option"),
    ("pd.options", "pandas.options"),
    ("pd.Timestamp", "pandas.Timestamp"),
    ('pd.to_datetime("x")', "pandas.to_datetime"),
    ('pd.DataFrame(bars.close).query("a > @k")', ".query"),
    ('pd.DataFrame(bars.close).eval("a")', ".eval"),
    ('pd.Series(bars.close).to_json("o")', ".to_json"),
    ('pd.Series(bars.close).to_csv("o")', ".to_csv"),
    ("pd.Series(bars.close).sample(2)", ".sample"),
    ('pd.Series(bars.close).agg("to_csv", path="o")', ".agg"),
    ('pd.Series(bars.close).transform("to_csv")', ".transform"),
    ("pd.Series(bars.close).pipe(len)", ".pipe"),
    ('pd.Series(bars.close).apply("to_csv", path_or_buf="o")', ".apply"),
    ("pd.Series(bars.close).apply(func=len)", ".apply"),
    ("pd.Series(bars.close).apply(fast)", ".apply"),
    ("pd.Series(bars.close).apply(*[fast])", ".apply"),
    ("list(map(pd.Series.apply, [bars.close], ['to_csv']))", ".apply"),
    ("pd.Series(bars.close).apply", ".apply"),
    ("pd.Series(bars.close).bfill()", ".bfill"),
    ("np.ndarray((9,))", "numpy.ndarray"),
    ("np.divide(1.0, bars.close, where=bars.close > 0)", "where="),
    ("np.divide(1.0, bars.close, out=None, where=bars.close > 0)", "where="),
    ("(lambda f: f(1.0, bars.close, where=bars.close > 0))(np.divide)", "where="),
    ("np.pad(bars.close, 3, 'empty')", "'empty'"),
    ("np.pad(bars.close, 3, mode='empty')", "'empty'"),
    ("pd.Series(bars.close).interpolate()", ".interpolate"),
    ("pd.Series(bars.close).shift(-1)", ".shift"),
    ("pd.Series(bars.close).shift(periods=-3)", ".shift"),
    ("pd.Series(bars.close).rolling(9, center=True).mean()", "center="),
    ('np.array("now", dtype="datetime64[s]")', "'now'"),
    ('bars.close.astype("datetime64[ms]")', "'datetime64[ms]'"),
    ('bars.close.astype("<M8[s]")', "'<M8[s]'"),
    ("talib.set_unstable_period(1, 2)", "talib.set_unstable_period"),
    ("talib.set_compatibility(1)", "talib.set_compatibility"),
    ("talib.abstract.EMA", "talib.abstract"),
    ("talib.stream_EMA(bars.close)", "talib.stream_EMA"),
    ("math.factorial(99999999)", "math.factorial"),
    ("ops.kernels", "ops.kernels"),
    ("ops.np.load", "ops.np"),
]


@pytest.mark.parametrize(("expression", "construct"), NUMPY_AND_PANDAS)
def test_a_library_name_that_reaches_outside_or_ahead_is_refused_by_name(expression, construct):
    found = findings_of(body=f"x = {expression}")

    assert construct in [f.construct for f in found], text_of(found)
    assert all(f.line == 22 for f in found)


MODULES = {"numpy": np, "pandas": pd, "talib": talib, "math": math, "ops": ops}


@pytest.mark.parametrize("module", sorted(source_names.MODULE_NAMES))
def test_every_name_allowed_of_a_module_exists_there(module):
    assert [name for name in sorted(source_names.MODULE_NAMES[module]) if not hasattr(MODULES[module], name)] == []


def test_every_name_allowed_of_a_submodule_and_of_builtins_exists():
    for (module, name), allowed in source_names.SUBMODULES.items():
        assert [n for n in allowed if not hasattr(getattr(MODULES[module], name), n)] == []
    assert [n for n in source_names.BUILTINS if not hasattr(builtins, n)] == []


def test_every_indicator_of_the_library_is_allowed_and_nothing_else_of_it():
    indicators = {*talib.__TA_FUNCTION_NAMES__, "MA_Type"}

    assert source_names.MODULE_NAMES["talib"] == indicators


def test_every_op_is_allowed():
    assert set(ops.__all__) == source_names.OPS


def test_no_allowed_attribute_is_one_that_a_cure_speaks_against():
    # `empty` of a frame asks whether it is empty; np.empty is refused by its module's list.
    assert source_names.INSTANCE & set(source_names.CURES) <= {"empty", "open", "next"}


@pytest.mark.parametrize(
    ("expression", "says"),
    [
        ("talib.sma(bars.close, 9)", "did you mean talib.SMA?"),
        ("talib.MACDH(bars.close)", "did you mean talib.MACD?"),
        ("np.cumsums(bars.close)", "did you mean numpy.cumsum?"),
        ("np.linalg.solver(bars.close)", "did you mean numpy.linalg.solve?"),
        ("ops.zscores(bars.close, 9)", "did you mean ops.zscore?"),
        ("bars.closing", "did you mean .close?"),
        ("bars.Close", "did you mean .close?"),
        ("bars.vol", "did you mean .volume?"),
        ("bars.timestamp", "a strategy knows no dates; use bars.hour and bars.weekday"),
        ("pd.DataFrame(bars.close).merge(bars.high)", "call pd.merge(a, b, ...)"),
        ("np.wholly_unlike(bars.close)", "it is not on the list of what a strategy may use"),
    ],
)
def test_a_mistyped_name_is_answered_with_the_one_that_was_meant(expression, says):
    (found,) = findings_of(body=f"x = {expression}")

    assert found.message.endswith(says)


def test_a_name_that_is_imported_is_asked_back_as_well():
    (found,) = findings_of(top="from autarch.strategy.ops import latches")

    assert found.message.endswith("did you mean latch?")


@pytest.mark.parametrize("name", ["date", "time", "merge"])
def test_what_a_frame_may_not_be_asked_may_still_name_a_parameter(name):
    assert findings_of(body=f"x = p.{name}", params=f"{name} = 1") == ()
