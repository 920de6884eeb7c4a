"""The routes of errands: a local forge's alone, below /repos/{owner}/{name}."""

from __future__ import annotations

from autarch.forge.errands import ErrandBody, Errands, errand_json
from autarch.forge.routes import Call, Handler, Reply


def errand_routes(errands: Errands) -> tuple[tuple[str, str, Handler], ...]:
    """Return the routes that `errands` answers."""

    def begin(call: Call) -> Reply:
        """POST /autarch/errands."""
        return Reply(body=errand_json(errands.begin(call.account, call.body(ErrandBody))), status=202)

    def show(call: Call) -> Reply:
        """GET /autarch/errands/{n}."""
        return Reply(body=errand_json(errands.of(call.number)))

    return (("POST", "/autarch/errands", begin), ("GET", "/autarch/errands/{number:int}", show))
