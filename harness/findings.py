"""What was looked at before a run, as lines for people. Knows nothing of what is looked at."""

from __future__ import annotations

import contextlib
import sys
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING

from harness.patience import patient
from harness.terminal import visible

if TYPE_CHECKING:
    from pathlib import Path

    from harness.prompts import PromptSurvey, Selection


class Level(StrEnum):
    """How much a finding matters; only a problem stops a run."""

    OK = "ok"
    NOTE = "note"
    WARNING = "warning"
    PROBLEM = "problem"


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at."""

    level: Level
    subject: str
    message: str

    @property
    def matters(self) -> bool:
        """Whether the start of a run shows it."""
        return self.level is not Level.OK

    def line(self) -> str:
        """The finding as one line of text, safe for a terminal."""
        return visible(f"{self.level.value:8}{self.subject}: {self.message}")


@dataclass(slots=True)
class Report:
    """All findings, and what was found on the way that a run goes on with."""

    findings: list[Finding] = field(default_factory=list)
    prompts: Selection | None = None
    survey: PromptSurvey | None = None
    reuse: dict[str, Path] = field(default_factory=dict)
    """Folders of other runs whose answers may be taken, by the names that the config gives them."""

    @property
    def problems(self) -> list[Finding]:
        """What has to be mended first."""
        return [finding for finding in self.findings if finding.level is Level.PROBLEM]

    def add(self, level: Level, subject: str, message: str) -> None:
        """Note one finding."""
        self.findings.append(Finding(level, subject, message))


def say(text: str) -> None:
    """One line for whoever watches, on stderr, whatever it quotes. Who stopped reading misses it."""
    stream, outlet = patient(sys.stderr)
    if outlet is not None:
        outlet.leave()
    with contextlib.suppress(OSError):
        stream.write(visible(text) + "\n")
