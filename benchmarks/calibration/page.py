"""Put the tables into the page, between marks, with one picture drawn from the same numbers."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from benchmarks.calibration.proposals import HOLDOUT_DAYS
from benchmarks.calibration.tables import POWER_MIN, YEARS, Figures

BEGIN: Final = "<!-- calibration: written by `make calibrate`, do not edit -->"
END: Final = "<!-- end of calibration -->"
PICTURE: Final = "statistics_power.svg"
_LEFT, _TOP, _WIDTH, _HEIGHT = 56, 16, 420, 200
_COLOURS: Final = ("#8a8f98", "#5b8ff9", "#2f54eb", "#10239e")


def written(page: str, figures: Figures) -> str:
    """Return `page` with new tables between its marks.

    Raises:
        SystemExit: it has no marks.
    """
    before, begin, rest = page.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise SystemExit(f"the page has no lines {BEGIN} and {END}; restore them, the tables go between")
    return f"{before}{BEGIN}\n\n![Share of true proposals promoted]({PICTURE})\n\n{figures.text}\n\n{END}{after}"


def draw(page: Path, figures: Figures) -> None:
    """Write the picture beside the page."""
    page.with_name(PICTURE).write_text(picture(figures), encoding="utf-8")


def picture(figures: Figures) -> str:
    """Return power by length of the holdout, one line a Sharpe ratio, as SVG."""
    width, height = _LEFT + _WIDTH + 110, _TOP + _HEIGHT + 44
    font = 'font-family="sans-serif" font-size="12"'
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" {font} role="img">',
        "<title>Share of true proposals that are promoted, by length of the holdout</title>",
        f'<rect width="{width}" height="{height}" fill="#ffffff"/>',
    ]
    for share in (0.0, 0.25, POWER_MIN, 0.75, 1.0):
        y = _y(share)
        parts.append(f'<line x1="{_LEFT}" x2="{_LEFT + _WIDTH}" y1="{y:.1f}" y2="{y:.1f}" stroke="#e3e5e8"/>')
        parts.append(f'<text x="{_LEFT - 8}" y="{y + 4:.1f}" text-anchor="end" fill="#555">{share:.0%}</text>')
    for place, days in enumerate(HOLDOUT_DAYS):
        parts.append(
            f'<text x="{_x(place):.1f}" y="{_TOP + _HEIGHT + 20}" text-anchor="middle" fill="#555">'
            f"{YEARS[days]} years</text>"
        )
    for colour, (edge, values) in zip(_COLOURS, figures.power.items(), strict=True):
        points = " ".join(f"{_x(place):.1f},{_y(value):.1f}" for place, value in enumerate(values))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2.5"/>')
        parts.append(
            f'<text x="{_LEFT + _WIDTH + 8}" y="{_y(values[-1]) + 4:.1f}" fill="{colour}">Sharpe {edge:g}</text>'
        )
    return "\n".join([*parts, "</svg>", ""])


def _x(place: int) -> float:
    return _LEFT + 20 + place * (_WIDTH - 40) / (len(HOLDOUT_DAYS) - 1)


def _y(share: float) -> float:
    return _TOP + _HEIGHT * (1.0 - share)
