"""Where a step runs: what GitHub's runner tells it by environment, and how it tells something back."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from autarch.errors import ConfigError
from ci.actions.events import EVENT_BYTES_MAX

OUTPUT_CHARS_MAX = 10_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """One step's surroundings; `outputs` and `summary` are files that GitHub reads, `run_url` is its page."""

    repository: str
    event_name: str
    event_path: Path
    outputs: Path | None
    summary: Path | None
    run_url: str = ""

    def event(self) -> bytes:
        """Return the event's JSON.

        Raises:
            ConfigError: there is no such file.
        """
        try:
            with self.event_path.open("rb") as file:
                return file.read(EVENT_BYTES_MAX + 1)
        except OSError as error:
            raise ConfigError(f"the event at {self.event_path} cannot be read: {error.strerror}") from error

    def tell(self, **outputs: str) -> None:
        """Set outputs of the step.

        Raises:
            ConfigError: this step can set none.
        """
        if self.outputs is None:
            raise ConfigError("GITHUB_OUTPUT names no file; run this in a workflow's step")
        with self.outputs.open("a", encoding="utf-8") as file:
            for name, value in outputs.items():
                # A value that holds the mark of its end could add outputs of its own.
                mark = f"end-{secrets.token_hex(16)}"
                file.write(f"{name}<<{mark}\n{value[:OUTPUT_CHARS_MAX]}\n{mark}\n")

    def note(self, markdown: str) -> None:
        """Add to what the run's page shows, where there is one."""
        if self.summary is not None:
            with self.summary.open("a", encoding="utf-8") as file:
                file.write(f"{markdown}\n")


def site_of(environment: Mapping[str, str]) -> Site:
    """Return the surroundings that a runner's variables describe.

    Raises:
        ConfigError: one that is needed is missing.
    """

    def needed(name: str) -> str:
        value = environment.get(name, "")
        if not value:
            raise ConfigError(f"{name} is not set; `autarch ci` runs in the steps of .github/workflows")
        return value

    outputs, summary = (environment.get(name) for name in ("GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"))
    return Site(
        repository=needed("GITHUB_REPOSITORY"),
        event_name=needed("GITHUB_EVENT_NAME"),
        event_path=Path(needed("GITHUB_EVENT_PATH")),
        outputs=Path(outputs) if outputs else None,
        summary=Path(summary) if summary else None,
        run_url=_run_url(environment),
    )


def _run_url(environment: Mapping[str, str]) -> str:
    parts = [environment.get(name, "") for name in ("GITHUB_SERVER_URL", "GITHUB_REPOSITORY", "GITHUB_RUN_ID")]
    return f"{parts[0]}/{parts[1]}/actions/runs/{parts[2]}" if all(parts) else ""
