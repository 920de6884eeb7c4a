"""The same bars as Feather, CSV or a freqtrade folder: one data set; the same fault in any of them: one refusal."""

from __future__ import annotations

import gzip
import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from pyarrow import feather

from autarch.errors import DataError
from autarch.market.build import build
from autarch.market.importer import import_recipe

from .conftest import DAY0, HOUR, MINUTE, NOW, Tree, instruments_toml

STEP = 15 * MINUTE
ONE = {"symbols": ("BTCUSDT",)}
TICKERS = {"BTCUSDT": "BTC_USDT_USDT", "ETHUSDT": "ETH_USDT_USDT"}


def to_csv(table, *, ts=str, header=None, rows=None):
    """CSV text of `table`; `ts` writes a stamp, `header` renames columns."""
    names = [(header or {}).get(name, name) for name in table]
    stamps = [ts(int(value)) for value in table["ts"]]
    cells = [stamps, *([repr(float(v)) for v in column] for name, column in table.items() if name != "ts")]
    lines = [",".join(row) for row in zip(*cells, strict=True)]
    return "\n".join([",".join(names), *(lines if rows is None else rows(lines))]) + "\n"


def as_format(tree, end):
    """Write the tree's tables in another format and return its request."""
    request = tree.request()
    for name, table in tree.tables.items():
        (tree.root / name).unlink()
        file = tree.root / name.replace(".parquet", end)
        if end == ".feather":
            feather.write_feather(pa.table(table), str(file))
        elif end == ".csv":
            file.write_text(to_csv(table))
        else:
            file.write_bytes(gzip.compress(to_csv(table).encode()))
    return request


def ohlcv(table, kind):
    """Return `table` in freqtrade's columns: a rate in open, all else zero."""
    zero = np.zeros(table["ts"].size)
    names = ("open", "high", "low", "close", "volume")
    columns = [table["rate"], *[zero] * 4] if kind == "funding" else [table.get(name, zero) for name in names]
    return {"date": table["ts"], **dict(zip(names, columns, strict=True))}


def freqtrade(tree, end, *, marks="8h", only=None):
    """Write the tree as freqtrade does under user_data/data/bybit/futures and return a request of its folder."""
    request = tree.request()
    folder = tree.root.parent / "user_data" / "data" / "bybit"
    (folder / "futures").mkdir(parents=True, exist_ok=True)
    suffix = {"kline": "15m-futures", "mark": f"{marks}-mark", "funding": "8h-funding_rate"}
    for name, table in tree.tables.items():
        symbol, kind = name.split("/")[0], name.split("/")[1].split("-")[0]
        columns = ohlcv(table, kind)
        file = folder / "futures" / f"{TICKERS[symbol]}-{suffix[kind]}{end}"
        if only is not None and kind not in only:
            continue
        if ".json" in end:
            rows = [[int(row[0]), *map(float, row[1:])] for row in zip(*columns.values(), strict=True)]
            text = json.dumps(rows).encode()
            file.write_bytes(gzip.compress(text) if end.endswith(".gz") else text)
        else:
            moments = pa.array(columns["date"]).cast(pa.timestamp("ms", "UTC"))
            arrow = pa.table({**columns, "date": moments})
            feather.write_feather(arrow, str(file)) if end == ".feather" else pq.write_table(arrow, file)
    return replaced(request, source=folder, instruments=tree.root / "instruments.toml")


def replaced(request, **changes):
    fields = {name: getattr(request, name) for name in request.__dataclass_fields__}
    return type(request)(**{**fields, **changes})


def eight_hourly_marks(tree):
    for symbol, base in (("BTCUSDT", 100.0), ("ETHUSDT", 50.0)):
        ts = DAY0 + 8 * HOUR * np.arange(12)
        close = base + np.arange(12.0)
        mark = {"ts": ts, "open": close, "high": close + 1, "low": close - 1, "close": close}
        tree.tables[f"{symbol}/mark-1h.parquet"] = mark


def series_of(request):
    return build(import_recipe(request, now_ms=NOW)).lock.series


@pytest.fixture
def plain(tree):
    return series_of(tree.request())


@pytest.mark.parametrize(("end", "word"), [(".feather", "Feather"), (".csv", "CSV"), (".csv.gz", "CSV")])
def test_a_tree_in_another_format_is_the_same_data_set(tree, plain, end, word):
    recipe = import_recipe(as_format(tree, end), now_ms=NOW)

    assert build(recipe).lock.series == plain
    assert recipe.origin == f"bybit bars imported from {word} files"


def test_parts_of_one_series_may_differ_in_format_and_may_not_overlap(tree, plain):
    request = tree.request()
    table = tree.tables["BTCUSDT/kline-15m.parquet"]
    (tree.root / "BTCUSDT" / "kline-15m.late.csv").write_text(to_csv({k: v[200:] for k, v in table.items()}))
    pq.write_table(pa.table({k: v[:200] for k, v in table.items()}), tree.root / "BTCUSDT" / "kline-15m.parquet")

    recipe = import_recipe(request, now_ms=NOW)
    assert build(recipe).lock.series == plain
    assert recipe.origin == "bybit bars imported from CSV and Parquet files"

    (tree.root / "BTCUSDT" / "kline-15m.all.csv").write_text(to_csv(table))
    with pytest.raises(DataError, match="the parts overlap"):
        import_recipe(request, now_ms=NOW)


@pytest.mark.parametrize("end", [".feather", ".parquet", ".json", ".json.gz"])
def test_a_freqtrade_folder_is_the_same_data_set(tree, end):
    plain = series_of(tree.request())

    recipe = import_recipe(freqtrade(tree, end, marks="1h"), now_ms=NOW)

    assert build(recipe).lock.series == plain
    assert recipe.origin == "bybit bars imported from freqtrade's files"


def test_eight_hourly_marks_are_kept_and_are_too_old_for_faster_funding(tree):
    eight_hourly_marks(tree)
    lock = build(import_recipe(freqtrade(tree, ".feather"), now_ms=NOW)).lock
    assert lock.series_of("BTCUSDT", "mark")[0].interval == "8h"

    hours = np.arange(4, 97, 4)
    tree.tables["BTCUSDT/funding-8h.parquet"] = {"ts": DAY0 + HOUR * hours, "rate": np.full(hours.size, 1e-4)}
    with pytest.raises(DataError, match="mark prices every 8h, but BTCUSDT settles funding every 240 minutes"):
        import_recipe(freqtrade(tree, ".feather"), now_ms=NOW)


def test_a_freqtrade_folder_without_funding_is_refused_with_the_reason(tree):
    request = freqtrade(tree, ".feather", only=("kline", "mark"), marks="1h")

    with pytest.raises(DataError, match=r"no BTC_USDT_USDT-\*-funding_rate file; a perpetual pays funding"):
        import_recipe(request, now_ms=NOW)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"intervals": ("5m",)}, r"no BTC_USDT_USDT-5m-futures.*; it has BTC_USDT_USDT-15m-futures\.feather"),
        ({"symbols": ("XRPUSDT",)}, "no files of XRPUSDT; it has BTCUSDT, ETHUSDT"),
        ({"instruments": None}, "no instruments at .*--instruments"),
        ({"columns": ("ts=date",)}, "leave --column out"),
    ],
)
def test_a_freqtrade_request_that_cannot_be_met_is_refused(tree, changes, expected):
    with pytest.raises(DataError, match=expected):
        import_recipe(replaced(freqtrade(tree, ".feather", marks="1h"), **changes), now_ms=NOW)


def test_a_folder_that_is_not_freqtrades_is_not_taken_for_it(tree):
    with pytest.raises(DataError, match="no files such as BTC_USDT_USDT-15m-futures"):
        import_recipe(tree.request(layout="freqtrade"), now_ms=NOW)


def put(table, **values):
    changed = {name: column.copy() for name, column in table.items()}
    for name, value in values.items():
        changed[name][7] = value
    return changed


def order(table, rows):
    return {name: column[rows] for name, column in table.items()}


FAULTS = {
    "gap": (lambda t: order(t, [*range(7), *range(9, 384)]), "row 7", "2 bars are missing"),
    "duplicate": (lambda t: order(t, [*range(8), *range(7, 384)]), "row 8", "duplicate"),
    "unsorted": (lambda t: order(t, [*range(7), 8, 7, *range(9, 384)]), "row 8", "not sorted"),
    "unclosed": (lambda t: order(t, [*range(384)]) | {"ts": t["ts"] + (NOW - DAY0)}, "row 0", "not closed yet"),
    "high below low": (lambda t: put(t, high=105.4), "row 7", "high is below low"),
    "negative price": (lambda t: put(t, low=-1.0), "row 7", "low is not above zero"),
    "zero price": (lambda t: put(t, open=0.0), "row 7", "open is not above zero"),
    "NaN": (lambda t: put(t, close=np.nan), "row 7", "close is NaN"),
    "infinite": (lambda t: put(t, volume=np.inf), "row 7", "volume is NaN or infinite"),
    "negative volume": (lambda t: put(t, volume=-2.0), "row 7", "volume is negative"),
}


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("end", [".feather", ".csv", "freqtrade"])
def test_a_fault_is_refused_alike_in_every_format(tree, end, fault):
    plant, row, complaint = FAULTS[fault]
    name = "BTCUSDT/kline-15m.parquet"
    tree.tables[name] = plant(tree.tables[name])
    request = freqtrade(tree, ".feather", marks="1h") if end == "freqtrade" else as_format(tree, end)

    with pytest.raises(DataError) as caught:
        import_recipe(replaced(request, symbols=("BTCUSDT",)), now_ms=NOW)

    text = str(caught.value)
    assert ("BTC_USDT_USDT-15m-futures.feather" if end == "freqtrade" else f"kline-15m{end}") in text
    assert f" {row}, ts " in text
    assert complaint in text


class Csv:
    """One symbol whose klines are a CSV file."""

    def __init__(self, tree: Tree) -> None:
        self.request = tree.request(**ONE)
        self.table = tree.tables["BTCUSDT/kline-15m.parquet"]
        (tree.root / "BTCUSDT" / "kline-15m.parquet").unlink()
        self.file = tree.root / "BTCUSDT" / "kline-15m.csv"

    def series(self, text, **changes):
        self.file.write_text(text)
        return series_of(replaced(self.request, **changes))

    def refusal(self, text, **changes):
        with pytest.raises(DataError) as caught:
            self.series(text, **changes)
        return str(caught.value)


@pytest.fixture
def csv(tree):
    return Csv(tree)


@pytest.fixture
def known(csv):
    return csv.series(to_csv(csv.table))


def iso(mark="", *, blank="T", seconds=True):
    def write(ts):
        text = str(np.datetime64(ts, "ms"))[: 19 if seconds else 16].replace("T", blank)
        return text + mark

    return write


def always(text):
    return lambda _: text


@pytest.mark.parametrize(
    "ts",
    [
        lambda ts: str(ts // 1000),
        lambda ts: f"{ts // 1000}.0",
        iso(),
        iso("Z"),
        iso("+00:00", blank=" "),
        iso(blank=" ", seconds=False),
        lambda ts: iso("+02:00")(ts + 2 * HOUR),
        iso(".000Z"),
    ],
    ids=["seconds", "float seconds", "ISO", "Z", "zone", "minutes", "other zone", "milliseconds"],
)
def test_stamps_are_told_by_their_text(csv, known, ts):
    assert csv.series(to_csv(csv.table, ts=ts)) == known


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (lambda ts: str(ts * 1000), "row 0: ts is 1704067200000000, neither epoch seconds nor milliseconds"),
        (lambda ts: iso()(ts)[:10].replace("-", ""), "row 0: ts is 20240101, neither"),
        (always("01/02/2024 00:00"), "row 0: ts is '01/02/2024 00:00', which can be read in more than one way"),
        (lambda ts: str(ts if ts < DAY0 + 7 * STEP else ts // 1000), "row 7: ts is 1704073500, but row 0 is"),
        (lambda ts: iso("Z" if ts < DAY0 + 7 * STEP else "")(ts), "row 7: ts is '2024-01-01T01:45:00', but row 0"),
        (always("2024-13-01T00:00"), "row 0: ts is '2024-13-01T00:00', which is no instant"),
        (lambda ts: "" if ts == DAY0 + 7 * STEP else str(ts), "row 7: ts is null or empty"),
        (lambda ts: str(ts) + "." * (ts > DAY0), "row 1: ts is '1704068100000.', but row 0 is epoch digits"),
        (always("9" * 30), "beyond 64 bits"),
    ],
    ids=["micro", "digits", "slashes", "two units", "two zones", "month 13", "empty", "a dot", "huge"],
)
def test_stamps_that_could_mean_two_things_are_refused(csv, change, expected):
    assert expected in csv.refusal(to_csv(csv.table, ts=change))


@pytest.mark.parametrize(
    "header",
    [
        {"ts": "Open time", "volume": "VOL"},
        {"ts": "date"},
        {"open": "O", "high": "H", "low": "L", "close": "C", "volume": "V"},
        {"ts": "\ufefftimestamp"},
    ],
)
def test_usual_headers_tell_themselves(csv, known, header):
    assert csv.series(to_csv(csv.table, header=header)) == known


def test_semicolons_and_columns_known_to_be_harmless_are_read(csv, known):
    extra = csv.table | {"quote_volume": csv.table["open"], "count": csv.table["open"]}

    assert csv.series(to_csv(extra).replace(",", ";")) == known


def test_other_headers_are_named_by_the_user(csv, known):
    text = to_csv(csv.table | {"vwap": csv.table["open"]}, header={"volume": "contracts"})

    assert "volume is missing. Say what it is with --column volume=HEADER" in csv.refusal(text)
    assert "'vwap' is none of them" in csv.refusal(text, columns=("volume=contracts",))
    assert csv.series(text, columns=("volume=contracts", "ignore=vwap")) == known


def test_two_headers_for_one_field_need_a_choice(csv, known):
    text = to_csv(csv.table | {"date": csv.table["open"]})

    assert "'ts' and 'date' could both be ts" in csv.refusal(text)
    assert csv.series(text, columns=("ts=ts",)) == known


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "no header"),
        ("\n\n", "no header"),
        ("1704067200000,1,2,1,2,5\n", "no header"),
        ("ts,open,high,low,close,volume\n", "no rows"),
        ("ts,open,high,low,close,volume\n1704067200000,1,2,1\n", "not a CSV file"),
        ("ts,open,high,low,close,volume\n1704067200000,1,2,1,2,five\n", "row 0, ts 1704067200000: volume is 'five'"),
        ("ts,open,high,low,close,volume\n1704067200000,1,2,1,,5\n", "row 0, ts 1704067200000: close is null or empty"),
        ('ts,open,high,low,close,volume\n1704067200000,"1,5",2,1,2,5\n', "open is '1,5', which is no number"),
        ("ts,ts,open,high,low,close,volume\n1,1,1,2,1,2,5\n", "one of them twice"),
    ],
)
def test_a_csv_that_is_none_is_refused_by_name(csv, text, expected):
    refusal = csv.refusal(text)

    assert "kline-15m.csv" in refusal
    assert expected in refusal


@pytest.mark.parametrize("columns", [("ts",), ("price=close",), ("open=a", "high=a")])
def test_a_column_written_otherwise_is_refused(csv, columns):
    assert "column" in csv.refusal("", columns=columns)


@pytest.mark.parametrize("end", [".feather", ".csv.gz", ".json", ".json.gz", ".parquet"])
def test_bytes_that_are_no_such_file_are_refused_by_name(tree, end):
    json_like = "json" in end
    request = freqtrade(tree, end, marks="1h") if json_like else as_format(tree, end) if end != ".parquet" else None
    request = request or tree.request()
    file = next(f for f in request.source.rglob("*") if f.name.endswith(end) and ("15m" in f.name))
    file.write_bytes(b"neither this nor that")

    with pytest.raises(DataError, match=file.name.replace(".", r"\.")):
        import_recipe(request, now_ms=NOW)


def test_instruments_are_looked_for_beside_a_freqtrade_folders_files(tree):
    request = freqtrade(tree, ".feather", marks="1h")
    (request.source / "futures" / "instruments.toml").write_text(instruments_toml("BTCUSDT"))

    recipe = import_recipe(replaced(request, instruments=None, symbols=("BTCUSDT",)), now_ms=NOW)

    assert recipe.instruments[0].symbol == "BTCUSDT"
