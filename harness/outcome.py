"""What a run was asked to be and how it ended, for its caller and in the last lines on screen."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from harness.config.overrides import REHEARSAL_SUFFIX
from harness.findings import say
from harness.journal import RESULTS_NAME

if TYPE_CHECKING:
    from pathlib import Path

    from harness.config import RunConfig


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run behaves apart from its config. `command` is the command line, for the manifest and for going on."""

    resume: bool = False
    fresh: bool = False
    repair: bool = False
    display: Literal["auto", "plain", "json", "none"] = "auto"
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended. `complete`: every item of the plan has an answer or a failure record."""

    folder: Path
    exit_code: int
    total: int
    done: int
    recorded: int
    failed: int
    parked: dict[str, str] = field(default_factory=dict)

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do."""
        return self.done >= self.total


def tell(outcome: RunOutcome, options: RunOptions, config: RunConfig, trouble: str | None) -> None:
    """The last lines on screen; where something is left, the last one is the command that goes on."""
    results = outcome.folder / RESULTS_NAME
    if outcome.recorded == 0 and outcome.complete:
        say(f"Nothing to do, nothing was sent: all {outcome.total} answers are in {results}.")
        return
    failed = f", {outcome.failed} of them failures" if outcome.failed else ""
    say(f"{outcome.recorded} new records{failed}; {outcome.done} of {outcome.total} are in {results}.")
    for name, reason in outcome.parked.items():
        say(f"parked  {name}: {reason}")
    if trouble:
        say(f"error   {trouble}")
    if outcome.complete and not outcome.failed:
        program = options.command[: options.command.index("run")] if "run" in options.command else ("harness",)
        say(f"To look at it: {shlex.join([*program, 'summary', str(outcome.folder)])}")
    else:
        say(f"To go on, run again: {shlex.join(_command_to_go_on(options, config, outcome.folder))}")


def _command_to_go_on(options: RunOptions, config: RunConfig, folder: Path) -> list[str]:
    command = [word for word in options.command if word not in {"--fresh", "--resume", "--repair"}]
    if str(folder) == config.output_dir:
        return command
    # A rehearsal adds its suffix to what is asked for.
    output = str(folder).removesuffix(REHEARSAL_SUFFIX) if "--rehearse" in command else str(folder)
    return [*command, "--output", output]
