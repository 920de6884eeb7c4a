"""Pages for eyes: what waits, and one pull request with its verdict, text and diff. They change nothing.

Everything shown was written by others, agents among them: the templates escape all of it, and the
content security policy allows no script, so that a text that slipped through would do nothing.
"""

from __future__ import annotations

from jinja2 import DictLoader, Environment, StrictUndefined

from autarch.forge.files import diff_text
from autarch.forge.office import Office
from autarch.forge.provenance import provenance
from autarch.forge.pulls import PullRecord
from autarch.forge.rules_main import Approval
from autarch.forge.terminal import unescaped

CONTENT_SECURITY_POLICY = (
    "default-src 'none'; style-src 'self'; form-action 'none'; frame-ancestors 'none'; base-uri 'none'"
)
CLOSED_SHOWN_MAX = 50

STYLE = """
:root { color-scheme: light dark; }
body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
table { border-collapse: collapse; width: 100%; }
td, th { text-align: left; padding: .3rem .8rem .3rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
pre { white-space: pre-wrap; overflow-wrap: anywhere; background: #8881; padding: .8rem; border-radius: .3rem; }
pre.diff { white-space: pre; overflow-x: auto; }
.accepted, .success, .passed { color: #1a7f37; }
.rejected, .failure, .failed, .error { color: #cf222e; }
.undecided, .pending, .queued, .running { color: #9a6700; }
"""

_BASE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>{{ title }}</title>
<meta name="viewport" content="width=device-width"><link rel="stylesheet" href="/style.css"></head>
<body>{% block content %}{% endblock %}</body></html>
"""

_FRONT = """{% extends "base" %}{% block content %}
<h1>{{ title }}</h1>
<p>main is at <code>{{ main[:12] }}</code>; policy <code>{{ policy }}</code></p>
{% macro rows(pulls) %}
<table><tr><th>#</th><th>title</th><th>by</th><th>head</th><th>gate</th></tr>
{% for pull in pulls %}<tr><td><a href="/pulls/{{ pull.number }}">{{ pull.number }}</a></td>
<td>{{ pull.title }}</td><td>{{ pull.author }}</td><td><code>{{ pull.head[:12] }}</code></td>
<td class="{{ state(pull) }}">{{ state(pull) }}</td></tr>
{% else %}<tr><td colspan="5">none</td></tr>{% endfor %}</table>
{% endmacro %}
<h2>Open</h2>{{ rows(open) }}
<h2>Closed</h2>{{ rows(closed) }}
{% endblock %}"""

_DETAIL = """{% extends "base" %}{% block content %}
<p><a href="/">all pull requests</a></p>
<h1>{{ pull.number }}: {{ pull.title }}</h1>
<p class="{{ state(pull) }}">{{ state(pull) }}{% if sentence %}: {{ sentence }}{% endif %}</p>
<p>{{ verdict }}</p>
<h2>Statuses</h2>
<table>{% for status in statuses %}<tr><td>{{ status.context }}</td>
<td class="{{ status.state }}">{{ status.state }}</td><td>{{ status.description }}</td></tr>
{% else %}<tr><td>none yet</td></tr>{% endfor %}</table>
<h2>Provenance</h2>
<table>{% for name, value in provenance.items() %}<tr><td>{{ name }}</td><td><code>{{ value }}</code></td></tr>
{% endfor %}</table>
<h2>Description</h2><pre>{{ pull.body }}</pre>
{% for review in pull.reviews %}
<h3>{{ review.event }} by {{ review.author }} of <code>{{ review.commit[:12] }}</code></h3>
<pre>{{ review.body }}</pre>{% endfor %}
{% for comment in pull.comments %}<h3>{{ comment.author }}</h3><pre>{{ text(comment.body) }}</pre>{% endfor %}
<h2>Diff</h2><pre class="diff">{{ diff }}</pre>
{% endblock %}"""

_PROBLEM = """{% extends "base" %}{% block content %}<h1>{{ title }}</h1><p>{{ message }}</p>{% endblock %}"""

_TEXTS = {"base": _BASE, "front": _FRONT, "detail": _DETAIL, "problem": _PROBLEM}


def front(office: Office, _number: object = None) -> str:
    """Return the list of pull requests."""
    records = tuple(reversed(office.desk.pulls.all()))
    closed = [record for record in records if record.state == "closed"]
    return _draw(
        "front",
        title="Pull requests",
        main=office.desk.main(),
        policy=office.policy_path,
        open=[record for record in records if record.state == "open"],
        closed=closed[:CLOSED_SHOWN_MAX],
    )


def detail(office: Office, number: int) -> str:
    """Return one pull request.

    Raises:
        DeniedError: 404.
    """
    desk = office.desk
    record = desk.pull(number)
    return _draw(
        "detail",
        title=f"Pull request {number}",
        pull=record,
        sentence=record.gate.sentence if record.gate is not None else "",
        verdict=_verdict(office, number),
        statuses=office.statuses.latest(record.head),
        provenance=provenance(office.repo, record),
        diff=diff_text(office.repo, record, main=desk.main()),
    )


def problem(message: str) -> str:
    """Return a page that says what is wrong."""
    return _draw("problem", title="Not shown", message=message)


def _verdict(office: Office, number: int) -> str:
    record = office.desk.pull(number)
    if record.merged:
        return f"merged as {record.merge_commit} by {record.merged_by}"
    if record.state == "closed":
        return "closed without merging; its branch and evidence stay"
    readiness = office.desk.readiness(record)
    if isinstance(readiness, Approval):
        return f"may be merged: autarch pr merge {number} --sha {record.head}"
    return f"may not be merged yet. {readiness.rule}: {readiness.why}. {readiness.fix}"


def _state(record: PullRecord) -> str:
    if record.merged:
        return "merged"
    if record.state == "closed":
        return "closed"
    return record.gate.state if record.gate is not None else "queued"


_ENVIRONMENT = Environment(loader=DictLoader(_TEXTS), autoescape=True, undefined=StrictUndefined)
_ENVIRONMENT.globals["state"] = _state
_ENVIRONMENT.globals["text"] = unescaped


def _draw(name: str, **values: object) -> str:
    return _ENVIRONMENT.get_template(name).render(**values)
