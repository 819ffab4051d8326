"""A config's prompts: which file, how its rows are read, which of them are asked. Knows no model."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.config.paths import named_path
from harness.errors import UsageError
from harness.prompt_template import PromptTemplate
from harness.prompts import Choice, Columns, FieldNames, choose, open_prompts

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from harness.config import RunConfig
    from harness.prompts import PromptFile, PromptSurvey, Selection

_ASKED_WITH = ("id", "prompt", "system", "messages")
"""The roles of columns that make another prompt."""


def prompt_file_of(config: RunConfig, config_path: Path | None) -> PromptFile:
    """The file that `config` names, relative to the working folder, or where nothing is there, to the config's.

    Raises:
        PromptFileError: there is no such file, or it cannot be read.
    """
    path = named_path(config.prompts_file or "", config_path)
    template = None if config.prompt_template is None else PromptTemplate.parse(config.prompt_template)
    return open_prompts(path, Columns(FieldNames(**config.fields.model_dump()), template))


def chosen_of(config: RunConfig, source: PromptFile) -> tuple[Selection, PromptSurvey]:
    """The prompts that `config` asks of `source`, and what they hold.

    Raises:
        PromptFileError: a row cannot be used, two have one id, or there are no prompts.
    """
    shuffled = config.order == "shuffled"
    return choose(source, Choice(config.num_prompts, config.sample, shuffled, config.seed))


def describe_prompts(config: RunConfig, found: PromptSurvey) -> dict[str, Any]:
    """What run.json says of the prompts."""
    facts: dict[str, Any] = {"file": config.prompts_file, "sha256": found.sha256, "count": found.count}
    fields = config.fields.model_dump(exclude_none=True)
    if fields:
        facts["fields"] = fields
    if config.prompt_template is not None:
        facts["prompt_template"] = config.prompt_template
    return facts


def refuse_other_reading(before: Mapping[str, Any], now: Mapping[str, Any], folder: Path) -> None:
    """What was asked in `folder` was made of the same columns, with the same template.

    Rows without an id get one from their text, so that another reading would look like other prompts.

    Raises:
        UsageError: it was not; names what changed, and `--fresh`.
    """
    way_out = f"Add --fresh to start a new folder beside {folder}, or take the change back to go on with this one."
    if before and before.get("prompt_template") != now.get("prompt_template"):
        raise UsageError(
            f"prompt_template changed since {folder} was begun: every prompt is another one now. {way_out}"
        )
    if before.get("sha256") == now.get("sha256"):
        old, new = ({role: (facts.get("fields") or {}).get(role) for role in _ASKED_WITH} for facts in (before, now))
        if old != new:
            raise UsageError(f"fields changed since {folder} was begun: other columns are asked now. {way_out}")


def same_texts(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    """Whether two such descriptions are of one file read in one way, so that no text can have changed."""
    return all(before.get(name) == now.get(name) for name in ("sha256", "fields", "prompt_template"))
