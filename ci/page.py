"""One HTML file that needs no network: a template, its style and scripts, and data as JSON inside."""

from __future__ import annotations

import json
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

LIBRARY = "lightweight-charts.standalone.production.js"


def render(template: str, **values: object) -> str:
    """Return the page that `template` of ci/assets makes; all text in `values` is escaped."""
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(_asset),
    )
    return environment.get_template(template).render(**values)


def library() -> Markup:
    """Return the charts' vendored source, fit for a script element."""
    return Markup(_asset(LIBRARY).replace("</script", "<\\/script"))  # noqa: S704  the vendored file


def inline_json(value: object) -> Markup:
    """Return `value` as JSON for a script element: no < survives, NaN and infinity are refused."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704  JSON, and no < survives


def _asset(name: str) -> str:
    return (files("ci") / "assets" / name).read_text(encoding="utf-8")
