"""Templates of the desk: everything is escaped, no page carries a script of its own."""

from __future__ import annotations

from datetime import UTC, datetime
from importlib.resources import files
from typing import Final

from jinja2 import Environment, FunctionLoader, StrictUndefined
from starlette.responses import HTMLResponse

from autarch.desk.sessions import Session
from autarch.forge.terminal import unescaped

MINUTE_S: Final = 60
HOUR_S: Final = 3_600
DAY_S: Final = 86_400


def page(template: str, session: Session, *, status: int = 200, **values: object) -> HTMLResponse:
    """Return the page that a template makes for a session."""
    text = _ENVIRONMENT.get_template(f"{template}.html.j2").render(csrf=session.csrf, **values)
    return HTMLResponse(text, status_code=status)


def age(seconds: float) -> str:
    """Return how long ago something was, in its largest unit."""
    if seconds < MINUTE_S:
        return "now"
    if seconds < HOUR_S:
        return f"{seconds / MINUTE_S:.0f} min"
    return f"{seconds / HOUR_S:.0f} h" if seconds < 2 * DAY_S else f"{seconds / DAY_S:.0f} days"


def instant(time_ms: int | None) -> str:
    """Return an instant in UTC to the second; empty for none."""
    return "" if time_ms is None else datetime.fromtimestamp(time_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")


def asset(name: str) -> str:
    """Return a template's text."""
    return (files("autarch.desk") / "templates" / name).read_text(encoding="utf-8")


_ENVIRONMENT = Environment(
    autoescape=True,
    undefined=StrictUndefined,
    trim_blocks=True,
    lstrip_blocks=True,
    loader=FunctionLoader(asset),
)
_ENVIRONMENT.filters["age"] = age
_ENVIRONMENT.filters["instant"] = instant
_ENVIRONMENT.filters["plain"] = unescaped
