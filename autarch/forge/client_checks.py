"""Check runs: the platform's own form of a check, with remarks beside the diff. Apps alone may write them."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import msgspec

from autarch.forge import wire_more
from autarch.forge.endpoints import Endpoints
from autarch.forge.wire_more import ANNOTATIONS_PER_CALL, SUMMARY_LIMIT, Annotation, CheckOutput, CheckRun, Conclusion

_CUT = "\n\n(cut: the whole of it is in the evidence)"


class Checks(Endpoints):
    """Calls about check runs."""

    def create_check_run(  # noqa: PLR0913  GitHub's fields
        self,
        *,
        name: str,
        head_sha: str,
        conclusion: Conclusion | None = None,
        output: CheckOutput | None = None,
        external_id: str = "",
        details_url: str = "",
    ) -> CheckRun:
        """Write a check run; with a `conclusion` it is completed, without one in progress.

        Annotations travel in pages of 50; the run is completed with the last of them, so that nobody
        reads a finished check that lacks half its remarks.

        Raises:
            ForgeRefusedError: 403 the token is no App's, 422 a field or no such commit.
        """
        pages = _pages(output)
        body = {"name": name, "head_sha": head_sha, **_optional(external_id=external_id, details_url=details_url)}
        first = body | _state(conclusion if len(pages) == 1 else None) | _output(output, pages[0])
        run = wire_more.read(self._json("POST", "/check-runs", first), CheckRun)
        return self._add_pages(run, output, pages[1:], conclusion)

    def update_check_run(
        self, run_id: int, *, conclusion: Conclusion | None = None, output: CheckOutput | None = None
    ) -> CheckRun:
        """Change a check run; annotations are added to those it has, 50 a call.

        Raises:
            ForgeRefusedError: 403 another App's, 404, 422 a field.
        """
        pages = _pages(output)
        first = _state(conclusion if len(pages) == 1 else None) | _output(output, pages[0])
        run = wire_more.read(self._json("PATCH", f"/check-runs/{run_id}", first), CheckRun)
        return self._add_pages(run, output, pages[1:], conclusion)

    def check_run(self, run_id: int) -> CheckRun:
        """Return one check run."""
        return wire_more.read(self._json("GET", f"/check-runs/{run_id}"), CheckRun)

    def check_runs(self, ref: str, *, name: str | None = None, app_id: int | None = None) -> tuple[CheckRun, ...]:
        """Return the newest check runs of a commit, by name and App where those are given."""
        query = {} if name is None else {"check_name": name}
        query |= {} if app_id is None else {"app_id": str(app_id)}
        found = self._pages(f"/commits/{quote(ref, safe='')}/check-runs", query, key="check_runs")
        return tuple(wire_more.read(raw, CheckRun) for raw in found)

    def annotations(self, run_id: int) -> tuple[Annotation, ...]:
        """Return the annotations of one check run."""
        found = self._pages(f"/check-runs/{run_id}/annotations")
        return tuple(wire_more.read(_without_nulls(raw), Annotation) for raw in found)

    def _add_pages(
        self,
        run: CheckRun,
        output: CheckOutput | None,
        pages: list[tuple[Annotation, ...]],
        conclusion: Conclusion | None,
    ) -> CheckRun:
        for place, page in enumerate(pages, start=1):
            body = _state(conclusion if place == len(pages) else None) | _output(output, page)
            run = wire_more.read(self._json("PATCH", f"/check-runs/{run.id}", body), CheckRun)
        return run


def cut(text: str, limit: int = SUMMARY_LIMIT, notice: str = _CUT) -> str:
    """Return `text` with at most `limit` characters, saying so where it was cut."""
    return text if len(text) <= limit else text[: limit - len(notice)] + notice


def _pages(output: CheckOutput | None) -> list[tuple[Annotation, ...]]:
    all_ = () if output is None else output.annotations
    starts = range(0, max(1, len(all_)), ANNOTATIONS_PER_CALL)
    return [all_[start : start + ANNOTATIONS_PER_CALL] for start in starts]


def _state(conclusion: Conclusion | None) -> dict[str, str]:
    return {"status": "in_progress"} if conclusion is None else {"status": "completed", "conclusion": conclusion}


def _output(output: CheckOutput | None, page: tuple[Annotation, ...]) -> dict[str, Any]:
    if output is None:
        return {}
    shown = {"title": output.title, "summary": cut(output.summary), **_optional(text=cut(output.text))}
    return {"output": shown | {"annotations": [_annotation(each) for each in page]}}


def _annotation(each: Annotation) -> dict[str, Any]:
    return {key: value for key, value in msgspec.to_builtins(each).items() if value != ""}


def _without_nulls(raw: Any) -> Any:
    return {key: value for key, value in raw.items() if value is not None} if isinstance(raw, dict) else raw


def _optional(**fields: str) -> dict[str, str]:
    return {name: value for name, value in fields.items() if value}
