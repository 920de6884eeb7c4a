"""One HTML file that needs no network: a template, its style and scripts, and data as JSON inside.

The content security policy of a page names the SHA-256 of each script and style taken from ci/assets, so that
nothing else runs, whatever a strategy, a title or a comment says and however it got into the page.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass, field
from importlib.resources import files

from jinja2 import Environment, FunctionLoader, StrictUndefined
from markupsafe import Markup

LIBRARY = "vendor/lightweight-charts.standalone.production.js"
POLICY_PLACE = "content-security-policy-goes-here"


@dataclass(slots=True)
class _Inside:
    """What a page carries of its own, with the policy's word for each."""

    scripts: list[str] = field(default_factory=list)
    styles: list[str] = field(default_factory=list)

    def script(self, *names: str) -> Markup:
        """Return a script element of these assets, one after the other."""
        text = "\n".join(_asset(name) for name in names).replace("</script", "<\\/script")
        self.scripts.append(_word(text))
        return Markup(f"<script>{text}</script>")  # noqa: S704  files of ours

    def style(self, *names: str) -> Markup:
        """Return a style element of these assets."""
        text = "\n".join(_asset(name) for name in names)
        self.styles.append(_word(text))
        return Markup(f"<style>{text}</style>")  # noqa: S704  files of ours

    def policy(self) -> str:
        """Return the content security policy; styles that the charts set by script are not subject to it."""
        scripts, styles = (" ".join(dict.fromkeys(words)) or "'none'" for words in (self.scripts, self.styles))
        shut = "img-src data:; base-uri 'none'; form-action 'none'"
        return f"default-src 'none'; script-src {scripts}; style-src {styles}; {shut}"


def render(template: str, **values: object) -> str:
    """Return the page that `template` of ci/assets makes; all text in `values` is escaped.

    A template takes scripts and styles by `script(name, ...)` and `style(name, ...)`, and puts `csp` into its policy.
    """
    inside = _Inside()
    environment = Environment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(_asset),
    )
    own = {"csp": POLICY_PLACE, "script": inside.script, "style": inside.style, "library": LIBRARY}
    page = environment.get_template(template).render(**values, **own)
    return page.replace(POLICY_PLACE, inside.policy(), 1)


def _word(text: str) -> str:
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"


def library() -> str:
    """Return the charts' vendored source."""
    return _asset(LIBRARY)


def inline_json(value: object) -> Markup:
    """Return `value` as JSON for a script element: no < survives, NaN and infinity are refused."""
    text = json.dumps(value, separators=(",", ":"), allow_nan=False)
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704  JSON, and no < survives


def _asset(name: str) -> str:
    return (files("ci") / "assets" / name).read_text(encoding="utf-8")
