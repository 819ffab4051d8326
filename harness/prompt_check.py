"""Whether the prompts of a config can be asked, and what they are: every row read, counted and compared."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.asked import chosen_of, prompt_file_of
from harness.errors import PromptFileError
from harness.findings import Level
from harness.prompts import Format

if TYPE_CHECKING:
    from pathlib import Path

    from harness.config import RunConfig
    from harness.findings import Report
    from harness.prompts import PromptFile


def examine_prompts(config: RunConfig, config_path: Path | None, report: Report) -> None:
    """Add to `report` what the prompt file holds, and the prompts that a run goes on with.

    Args:
        config_path: None where the command line made the config.
    """
    if config.prompts_file is None:
        report.add(Level.PROBLEM, "prompts", "the config names no prompts_file. Add one, or give --prompts FILE.")
        return
    try:
        source = prompt_file_of(config, config_path)
        chosen, found = chosen_of(config, source)
    except PromptFileError as error:
        report.add(Level.PROBLEM, "prompts", str(error))
        return
    report.prompts, report.survey = chosen, found
    categories = ", ".join(f"{name or 'no category'} {count}" for name, count in found.categories.items())
    if len(found.categories) > 12:  # noqa: PLR2004 - a line is to be read
        categories = f"{len(found.categories)} categories"
    probes = f"{found.synthetic} synthetic probes, {found.real} real"
    unknown = f", {found.unknown} unmarked" if found.unknown else ""
    report.add(
        Level.OK, "prompts", f"{source.path}: {found.count} prompts ({categories}); {probes}{unknown}; no duplicates."
    )
    wanted = config.num_prompts or config.sample
    if wanted is not None and found.count < wanted:
        report.add(Level.NOTE, "prompts", f"{wanted} were asked for and the file holds {found.count}.")
    if source.format is Format.RESULTS:
        _results(source, report)


def _results(source: PromptFile, report: Report) -> None:
    if source.columns.answers_asked_about:
        told = "every answer of that run is a prompt and its item_id the prompt's id; failures are left out."
        report.add(Level.NOTE, "prompts", told)
    else:
        told = (
            "these are answers of a run, and what they answered is asked again, once for each of them. To ask about "
            "the answers, write a prompt_template with {prompt} and {full_response}."
        )
        report.add(Level.WARNING, "prompts", told)
