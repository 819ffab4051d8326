"""What a run was asked to be and how it ended, for its caller and in the last lines on screen."""

from __future__ import annotations

import shlex
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from harness.config.overrides import REHEARSAL_SUFFIX
from harness.findings import say
from harness.journal import RESULTS_NAME
from harness.wording import counted

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from harness.config import RunConfig
    from harness.lane import LaneOutcome
    from harness.remaining import Remaining


_MAX_COST = "--max-cost"


@dataclass(frozen=True, slots=True)
class RunOptions:
    """How a run behaves apart from its config.

    Args:
        retry_failed: whether items that failed in an earlier invocation are tried again.
        faults: the share of requests that the run's own simulator answers with a fault.
        report: whether report.html is written at the end.
        signals: whether SIGINT, SIGTERM and SIGHUP are taken over for as long as the run lasts.
        command: the command line, for the manifest and for going on.
    """

    resume: bool = False
    fresh: bool = False
    repair: bool = False
    retry_failed: bool = True
    faults: float = 0.0
    report: bool = False
    display: Literal["auto", "plain", "json", "none"] = "auto"
    signals: bool = True
    command: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunOutcome:
    """How a run ended.

    Args:
        done: items of the plan that have an answer or a failure record, those of earlier invocations included.
        recorded: new records; `failed` of them are failures.
        left_alone: items that failed earlier and were not to be tried again.
        out_of_money: whether a lane stopped for want of money.
        trouble: what the disk refused, as a sentence; None where nothing was.
        reused: answers that were taken from other runs; they are no new records.
    """

    folder: Path
    exit_code: int
    total: int
    done: int
    recorded: int
    failed: int
    left_alone: int = 0
    parked: dict[str, str] = field(default_factory=dict)
    out_of_money: bool = False
    trouble: str | None = None
    reused: int = 0

    @property
    def complete(self) -> bool:
        """Whether nothing is left to do."""
        return self.done >= self.total


def summed_up(folder: Path, there: Remaining, outcomes: Sequence[LaneOutcome], interrupted: int | None) -> RunOutcome:
    """How a run over `folder` ended.

    Args:
        there: what was there before.
        interrupted: the number of the signal that ended the run, None where none did.
    """
    total, left_alone = sum(there.total.values()), sum(there.left_alone.values())
    recorded = sum(outcome.recorded for outcome in outcomes)
    failed = sum(outcome.failed for outcome in outcomes)
    done = sum(there.done.values()) + left_alone + recorded
    return RunOutcome(
        folder,
        128 + interrupted if interrupted else 3 if done < total else 1 if failed or left_alone else 0,
        total,
        done,
        recorded,
        failed,
        left_alone,
        {outcome.name: outcome.parked for outcome in outcomes if outcome.parked},
        any(outcome.out_of_money for outcome in outcomes),
    )


def tell(outcome: RunOutcome, options: RunOptions, config: RunConfig) -> None:
    """The last lines on screen; where something is left, the last one is the command that goes on."""
    results = outcome.folder / RESULTS_NAME
    if outcome.total == 0:
        say("Nothing to do, nothing was sent: this shard holds no item of the plan.")
        return
    if outcome.reused:
        were = "was" if outcome.reused == 1 else "were"
        say(f"{counted(outcome.reused, 'answer')} {were} taken from other runs.")
    if outcome.recorded == 0 and outcome.complete and not outcome.left_alone:
        rest = "else " if outcome.reused else ""
        say(f"Nothing {rest}to do, nothing was sent: all {outcome.total} answers are in {results}.")
        return
    failed = f", {outcome.failed} of them failures" if outcome.failed else ""
    say(f"{outcome.recorded} new records{failed}; {outcome.done} of {outcome.total} are in {results}.")
    if outcome.left_alone:
        say(f"{outcome.left_alone} items that failed earlier were left alone (--no-retry-failed).")
    for name, reason in outcome.parked.items():
        say(f"parked  {name}: {reason}")
    if outcome.trouble:
        say(f"error   {outcome.trouble}")
    if outcome.complete and not outcome.failed and not outcome.left_alone:
        program = options.command[: options.command.index("run")] if "run" in options.command else ("harness",)
        say(f"To look at it: {shlex.join([*program, 'summary', str(outcome.folder)])}")
    else:
        say(f"To go on, run again: {shlex.join(_command_to_go_on(options, config, outcome))}")


def _command_to_go_on(options: RunOptions, config: RunConfig, outcome: RunOutcome) -> list[str]:
    # Once is enough for these; and what was left alone is what is left to do.
    once = {"--fresh", "--resume", "--repair", "--no-retry-failed"}
    command, folder = [word for word in options.command if word not in once], str(outcome.folder)
    if outcome.out_of_money and config.max_cost_usd is not None:
        # The same budget would stop at once.
        command = [*_without(command, _MAX_COST), _MAX_COST, f"{2 * config.max_cost_usd:g}"]
    if folder == config.output_dir:
        return command
    # A rehearsal adds its suffix to what is asked for.
    output = folder.removesuffix(REHEARSAL_SUFFIX) if "--rehearse" in command else folder
    return [*command, "--output", output]


def _without(command: Sequence[str], flag: str) -> list[str]:
    """`command` without `flag` and its value."""
    values = {at + 1 for at, word in enumerate(command) if word == flag}
    return [
        word for at, word in enumerate(command) if at not in values and word != flag and not word.startswith(f"{flag}=")
    ]
