"""Autarch from a notebook: `import autarch`, then bars, backtest, gate.

The same functions as the commands, on train bars alone: nothing here can open a holdout. Results carry data frames.
A notebook's own process is rarely started under the numeric pin, so its figures may differ from a verdict's in the
last bits; `Run.is_pinned` says so, and a verdict is never made here: `gate` asks the command.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from autarch.errors import ConfigError, UndecidedError, UsageError

if TYPE_CHECKING:
    import pandas as pd

    from autarch.evaluation.playing import Played
    from autarch.manifest import ParamValue

COLUMNS = ("open", "high", "low", "close", "volume", "turnover")
_DECIDED_EXITS = (0, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One backtest: figures by name, and arrays as data frames on UTC time.

    Attributes:
        slug: The strategy.
        params: All its parameters, replaced ones included.
        metrics: As `autarch backtest --json` names them; None where a figure is not defined.
        is_pinned: Whether this process runs under the numeric pin, as verdicts do.
        played: What lies below: decisions, market, the engine's tables.
    """

    slug: str
    params: Mapping[str, ParamValue]
    metrics: Mapping[str, float | None]
    is_pinned: bool
    played: Played

    def curve(self) -> pd.DataFrame:
        """Return equity and drawdown (quote, share of the peak) by the open time of each bar."""
        import pandas as pd  # noqa: PLC0415  `import autarch` stays quick

        result = self.played.result
        return pd.DataFrame({"equity": result.equity, "drawdown": result.drawdown}, index=self._time())

    def exposures(self) -> pd.DataFrame:
        """Return wanted exposures, one column a symbol, as shares of equity; NaN where no decision counts."""
        import pandas as pd  # noqa: PLC0415  likewise

        decisions = self.played.decisions
        frame = pd.DataFrame(decisions.exposure, index=self._time(), columns=list(self.played.market.symbols))
        return frame.where(decisions.counts)

    def fills(self) -> pd.DataFrame:
        """Return every fill: time, symbol, kind, signed quantity, price, fee, slippage, position after it."""
        import pandas as pd  # noqa: PLC0415  likewise

        from autarch.engine.layout import KIND_NAMES  # noqa: PLC0415  likewise

        table = self.played.result.fills
        frame = pd.DataFrame(
            {name: table[name] for name in ("qty", "price", "fee", "slippage", "realised", "position")}
        )
        frame.insert(0, "kind", [KIND_NAMES[int(kind)] for kind in table["kind"]])
        frame.insert(0, "symbol", [self.played.market.symbols[int(number)] for number in table["symbol"]])
        frame.insert(0, "time", pd.to_datetime(table["ts"], unit="ms", utc=True))
        return frame

    def plot(self) -> Any:
        """Draw equity and drawdown; returns the two axes.

        Raises:
            ConfigError: matplotlib is not installed; it is no part of Autarch.
        """
        try:
            from matplotlib import pyplot as plt  # noqa: PLC0415  only who draws needs it
        except ModuleNotFoundError as error:
            raise ConfigError("drawing needs matplotlib: pip install matplotlib") from error
        _, axes = plt.subplots(2, 1, sharex=True, height_ratios=[3, 1], figsize=(9, 5))
        curve = self.curve()
        curve["equity"].plot(ax=axes[0], logy=True, title=f"{self.slug}: equity on train", xlabel="")
        curve["drawdown"].plot(ax=axes[1], title="drawdown", xlabel="")
        return axes

    def _time(self) -> pd.DatetimeIndex:
        import pandas as pd  # noqa: PLC0415  likewise

        return pd.DatetimeIndex(pd.to_datetime(self.played.market.ts, unit="ms", utc=True))


def bars(symbol: str, *, interval: str = "15m", dataset: str | None = None, folder: str | Path = ".") -> pd.DataFrame:
    """Return the train bars of a symbol: open, high, low, close, volume, turnover by the open time of each bar.

    Args:
        symbol: As the data set names it, for example BTCUSDT.
        interval: Any that the stored bars divide.
        dataset: Name of a lock in ci/datasets; None takes the policy's first.
        folder: Anywhere in a clone.

    Raises:
        UsageError, DataError: no such data set, symbol or interval, or its bytes are not on this machine.
    """
    import pandas as pd  # noqa: PLC0415  `import autarch` stays quick

    jobs, setting = _setting(folder, dataset=dataset)
    market = jobs.load_bars(setting, (symbol,), interval)
    series = market.series[0]
    index = pd.DatetimeIndex(pd.to_datetime(market.ts, unit="ms", utc=True))
    return pd.DataFrame({name: getattr(series, name) for name in COLUMNS}, index=index)


def backtest(
    strategy: str,
    *,
    dataset: str | None = None,
    capital: float | None = None,
    costs_factor: float = 1.0,
    folder: str | Path = ".",
    **params: ParamValue,
) -> Run:
    """Play a strategy on train bars, as `autarch backtest` does: code confined, costs and funding paid.

    Args:
        strategy: A slug, `slug@commit`, or a folder.
        dataset: Name of a lock in ci/datasets; None takes the policy's first.
        capital: In quote units; None takes the policy's.
        costs_factor: Multiplies spread, impact and fees.
        folder: Anywhere in a clone.
        params: Values that replace the manifest's, by name.

    Raises:
        UsageError, DataError, StrategyError, SandboxError: as the command, in the same words.
    """
    from autarch.numerics import is_pinned  # noqa: PLC0415  likewise

    jobs, setting = _setting(folder, names=(strategy,), dataset=dataset, capital=capital, costs_factor=costs_factor)
    given = tuple(f"{name}={json.dumps(value)}" for name, value in params.items())
    job = jobs.job_of(strategy, setting, cwd=Path(folder).resolve(), params=given)
    with jobs.started_worker(allow_weak=False) as worker:
        decided = jobs.decide_jobs(worker, setting, [job], laps=jobs.begun(), progress=_silent)
    (played,) = jobs.play_each(setting, decided)
    return Run(
        slug=job.named.source.manifest.name,
        params=played.params,
        metrics=played.metrics,
        is_pinned=is_pinned(),
        played=played,
    )


def gate(strategy: str, *, folder: str | Path = ".") -> dict[str, Any]:
    """Judge a strategy's folder and return the verdict, as `autarch gate --json` prints it.

    Args:
        strategy: A slug, or a folder.
        folder: Anywhere in a clone.

    Raises:
        UsageError: misuse, in the command's words.
        UndecidedError: there was no verdict: the command said why.
    """
    where = Path(folder).resolve()
    target = strategy if "/" in strategy else f"strategies/{strategy}"
    done = subprocess.run(
        [sys.executable, "-P", "-m", "autarch", "gate", target, "--json"],
        cwd=where,
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
    )
    if done.returncode in _DECIDED_EXITS or done.stdout.startswith("{"):
        found: dict[str, Any] = json.loads(done.stdout)
        return found
    said = done.stderr.strip().splitlines()
    raise (UsageError if done.returncode == UsageError.exit_code else UndecidedError)(said[-1] if said else "no answer")


def _setting(folder: str | Path, *, names: tuple[str, ...] = (), **asked: Any) -> tuple[Any, Any]:
    """Return the commands' own functions and what they play on."""
    from autarch.cli import backtest_job as jobs  # noqa: PLC0415  likewise
    from autarch.market.stores import Stores  # noqa: PLC0415  likewise

    wanted = jobs.Asked(names=names, **{"dataset": None, **asked})
    return jobs, jobs.gather(wanted, cwd=Path(folder).resolve(), stores=Stores.default())


def _silent(_: str) -> None:
    """Say nothing: a notebook shows results."""
