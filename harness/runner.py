"""`harness run`: checks what it is given, opens the journal, runs the session, and says how it ended."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import anyio

from harness.cluster_check import examine_cluster
from harness.config import Environment, apply_overrides, choose_config, expand
from harness.errors import HarnessError, JournalError, JournalWriteError, UsageError
from harness.findings import say
from harness.given import Given
from harness.journal import open_journal
from harness.outcome import RunOptions, RunOutcome, tell
from harness.preflight import examine
from harness.resume import choose_folder
from harness.session import Run
from harness.spending import price_lanes, refuse_unpriced

if TYPE_CHECKING:
    from pathlib import Path

    from harness.config import Chosen, Overrides


def run_command(config_path: Path | None, overrides: Overrides, options: RunOptions) -> int:
    """`harness run`: the exit code.

    Raises:
        HarnessError: with the sentence to show.
    """
    given = checked(config_path, overrides, options)
    outcome = anyio.run(run_given, given)
    tell(outcome, options, given.config)
    if options.report and outcome.done:
        _report(outcome.folder)
    return outcome.exit_code


def _report(folder: Path) -> None:
    """What the run ended with is not changed by a report that cannot be written."""
    from harness.analysis.report import write_report  # noqa: PLC0415

    try:
        say(f"The report is {write_report(folder)}: open it in a browser.")
    except HarnessError as error:
        say(f"warning the report was not written: {error}")


async def run_given(given: Given) -> RunOutcome:
    """Everything between what was checked and how it ended, on a loop that runs already.

    Raises:
        HarnessError: the run could not begin or could not go on.
    """
    try:
        return await _run(given)
    except BaseExceptionGroup as group:
        # Whoever works beside the lanes may stop a run too; what it says is what there is to say.
        told = group.subgroup(HarnessError)
        if told is None:
            raise
        raise _first(told) from group


def _first(group: BaseExceptionGroup[HarnessError]) -> HarnessError:
    error = group.exceptions[0]
    return _first(error) if isinstance(error, BaseExceptionGroup) else error


def checked(config_path: Path | None, overrides: Overrides, options: RunOptions, *, reads_only: bool = False) -> Given:
    """What a run starts from; what matters of it is said on the way.

    Args:
        reads_only: nothing will be written: another process may hold the folder.

    Raises:
        UsageError: it cannot begin. Nothing was sent.
    """
    return checked_choice(choose_config(config_path, overrides), options, reads_only=reads_only)


def checked_choice(chosen: Chosen, options: RunOptions, *, reads_only: bool = False) -> Given:
    """As `checked`, of a config that is there already. Without a display nothing is said but what the error says."""
    config = apply_overrides(chosen.config, chosen.overrides)
    environment = Environment.of_process()
    folder = choose_folder(config.output_dir, fresh=options.fresh, resume=options.resume)
    shard = chosen.overrides.shard
    report = examine(config, environment, chosen.path, folder, reads_only=reads_only, shard=shard)
    cluster = None if reads_only else examine_cluster(config, report)
    silent = options.display == "none"
    for finding in report.findings:
        if finding.matters and not silent:
            say(finding.line())
    if report.problems or report.prompts is None or report.survey is None:
        if silent:
            raise UsageError("\n".join(["Nothing was sent:", *(finding.line() for finding in report.problems)]))
        raise UsageError("Nothing was sent. What is marked as a problem above has to be mended first.")
    whole = apply_overrides(chosen.config, replace(chosen.overrides, models=(), num_prompts=None, sample=None))
    lanes = tuple(expand(config))
    if options.faults and not any(lane.variant.simulated for lane in lanes):
        raise UsageError(
            "--faults are the simulator's, and nothing here is simulated. Add --rehearse, or leave it out."
        )
    prices = price_lanes(lanes)
    refuse_unpriced(config, lanes, prices)
    return Given(
        config,
        whole,
        environment,
        options,
        folder,
        lanes,
        report.prompts,
        report.survey,
        prices,
        shard,
        report.reuse,
        cluster,
    )


async def _run(given: Given) -> RunOutcome:
    troubles: list[JournalError] = []
    run: Run | None = None

    def on_trouble(error: JournalError) -> None:
        troubles.append(error)
        if run is not None:
            run.halt(str(error))

    try:
        async with open_journal(given.folder, repair=given.options.repair, on_trouble=on_trouble) as journal:
            for aside in journal.set_aside:
                say(f"note    journal: what was no whole record has been set aside in {aside}")
            if journal.found.duplicates:
                say(f"note    journal: {journal.found.duplicates} items were answered twice; readers take the first.")
            run = Run(given, journal, on_trouble)
            outcome = await run.run()
    except JournalWriteError as error:
        # The block's end could not write what was left; where the run itself had ended, that is all that failed.
        if run is None or run.outcome is None:
            raise
        troubles.append(error)
        outcome = run.outcome
    return replace(outcome, trouble=str(troubles[-1])) if troubles else outcome
