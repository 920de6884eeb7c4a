"""Workflow runs, their artifacts, and releases."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import islice
from urllib.parse import quote

import httpx

from autarch.forge import wire_more
from autarch.forge.answers import ForgeRefusedError
from autarch.forge.endpoints import Endpoints
from autarch.forge.wire_more import Artifact, Asset, Job, Release, WorkflowRun

ARTIFACT_BYTES_MAX = 32 * 1024 * 1024


class Actions(Endpoints):
    """Calls about workflows and releases. A local forge has no workflows and answers 404."""

    def workflow_run(self, run_id: int) -> WorkflowRun:
        """Return one run."""
        return wire_more.read(self._json("GET", f"/actions/runs/{run_id}"), WorkflowRun)

    def workflow_runs(self, workflow: str | None = None, *, most: int = 100, **query: str) -> tuple[WorkflowRun, ...]:
        """Return the newest runs, of one workflow file where it is named.

        Args:
            workflow: File name, such as `gate.yml`; None for all.
            most: How many at most.
            query: GitHub's filters: head_sha, event, branch, status, created.
        """
        where = "/actions/runs" if workflow is None else f"/actions/workflows/{quote(workflow, safe='')}/runs"
        return tuple(
            wire_more.read(raw, WorkflowRun) for raw in islice(self._pages(where, query, key="workflow_runs"), most)
        )

    def jobs(self, run_id: int) -> tuple[Job, ...]:
        """Return the jobs of a run's newest attempt."""
        return tuple(wire_more.read(raw, Job) for raw in self._pages(f"/actions/runs/{run_id}/jobs", key="jobs"))

    def artifacts(self, run_id: int) -> tuple[Artifact, ...]:
        """Return the artifacts of a run."""
        found = self._pages(f"/actions/runs/{run_id}/artifacts", key="artifacts")
        return tuple(wire_more.read(raw, Artifact) for raw in found)

    def artifact_zip(self, artifact_id: int, *, size_max: int = ARTIFACT_BYTES_MAX) -> bytes:
        """Return an artifact's zip file; hostile until it is checked.

        Raises:
            ForgeRefusedError: 404, or 410 when it has expired.
            UndecidedError: larger than `size_max`.
        """
        return self._transport.download(self._root(f"/actions/artifacts/{artifact_id}/zip"), size_max=size_max)

    def dispatch_workflow(self, workflow: str, *, ref: str = "main", inputs: Mapping[str, str] | None = None) -> None:
        """Start a workflow that may be started by hand."""
        body = {"ref": ref, "inputs": dict(inputs or {})}
        self._json("POST", f"/actions/workflows/{quote(workflow, safe='')}/dispatches", body)

    def rerun_workflow(self, run_id: int) -> None:
        """Run a finished run's jobs again."""
        self._json("POST", f"/actions/runs/{run_id}/rerun", {})

    def cancel_workflow(self, run_id: int) -> None:
        """Ask a run to end."""
        self._json("POST", f"/actions/runs/{run_id}/cancel", {})

    def release(self, tag: str) -> Release | None:
        """Return the published release of a tag, or None."""
        try:
            return wire_more.read(self._json("GET", f"/releases/tags/{quote(tag, safe='')}"), Release)
        except ForgeRefusedError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise

    def create_release(self, tag: str, *, title: str, body: str, prerelease: bool = False) -> Release:
        """Publish a release of a tag that exists."""
        fields = {"tag_name": tag, "name": title, "body": body, "prerelease": prerelease}
        return wire_more.read(self._json("POST", "/releases", fields), Release)

    def upload_asset(
        self, release: Release, name: str, content: bytes, *, kind: str = "application/octet-stream"
    ) -> Asset:
        """Add a file to a release, at the address that the release names.

        Raises:
            ForgeRefusedError: 422 it has a file of that name.
            UndecidedError: the address is none of the platform's.
        """
        return wire_more.read(self._transport.upload(release.upload_url, name, content, kind=kind), Asset)
