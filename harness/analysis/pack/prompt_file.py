"""The prompts of a run for a pack: the file it read, where that is still there, else what its records hold of them."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import orjson

from harness.errors import PromptFileError
from harness.json_text import to_json
from harness.prompt_template import PromptTemplate
from harness.prompts import Columns, FieldNames, Format, PromptFile, open_prompts

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from harness.analysis.pack.redaction import Redactor
    from harness.analysis.records import Record

_CONFIG_FLAGS = ("--config", "-c")


@dataclass(frozen=True, slots=True)
class Prompts:
    """Where the prompts of a pack come from.

    Args:
        source: the file that was asked; None: it is gone or has changed, so that only the records hold its prompts.
        name: of the file in the pack.
    """

    source: PromptFile | None
    name: str


def prompts_of(manifest: Mapping[str, Any], folder: Path) -> Prompts:
    """The prompts of the run in `folder`, by what its run.json says: the path, the hash and the columns."""
    told = manifest["prompts"]
    name = Path(told.get("file") or "prompts.jsonl").name
    path = next((one for one in _places(manifest, folder) if _sha256(one) == told.get("sha256")), None)
    if path is not None:
        try:
            return Prompts(open_prompts(path, _columns(told)), f"prompts/{name}")
        except PromptFileError:
            # It was a prompt file when the run began; if it can no longer be read as one, the records hold it.
            pass
    return Prompts(None, f"prompts/{Path(name).stem}.rebuilt.jsonl")


def rebuilt(records: Iterable[Record], manifest: Mapping[str, Any]) -> Iterator[bytes]:
    """Lines of a prompt file with every prompt that `records` hold, each once.

    Read with the columns and the template that run.json names, they make the same items again. A system text that is a
    variant's own is not the prompt's.
    """
    columns, variants = _columns(manifest["prompts"]), manifest["variants"]
    seen: set[str] = set()
    for record in records:
        if record["prompt_id"] not in seen:
            seen.add(record["prompt_id"])
            own = variants.get(record["variant"], {}).get("system")
            yield to_json(_row(record, columns, own), orjson.OPT_APPEND_NEWLINE)


def _row(record: Record, columns: Columns, system_of_variant: str | None) -> dict[str, Any]:
    system = record.get("system")
    told = {
        "id": record["prompt_id"],
        "prompt": record["prompt"] if columns.template is None else None,
        "messages": record.get("messages"),
        "system": None if system == system_of_variant else system,
        "category": record.get("prompt_category"),
        "probe": record.get("is_synthetic_probe"),
    }
    # A column that is asked for by name has to be there, if only empty.
    named = columns.names.given()
    row = {columns.of(role)[0]: value for role, value in told.items() if value is not None or role in named}
    rest = dict(record.get("prompt_metadata") or {})
    # Under these names it would be read as part of what is asked.
    asked = {*columns.of("system"), *columns.of("messages")} - row.keys()
    if clashing := {name: rest.pop(name) for name in sorted(asked & rest.keys())}:
        rest["row"] = clashing
    return rest | row


def may_be_cleaned(source: PromptFile, redactor: Redactor) -> bool:
    """Whether no prompt's own words name a folder or a server, so that all of these stand beside the prompts."""
    return not any(
        redactor.names_places(text)
        for prompt in source
        for text in (prompt.text, prompt.system or "", *(turn.content for turn in prompt.messages or ()))
    )


def is_results(source: PromptFile) -> bool:
    """Whether the prompts are the answers of another run."""
    return source.format is Format.RESULTS


def config_folders(commands: Iterable[Sequence[str]]) -> Iterator[Path]:
    """The folders of the configs that commands named."""
    for command in commands:
        for word, following in zip(command, [*command[1:], ""], strict=True):
            flag, equals, value = word.partition("=")
            if flag in _CONFIG_FLAGS:
                yield Path(value if equals else following).parent


def _places(manifest: Mapping[str, Any], folder: Path) -> Iterator[Path]:
    """Where the file may be. Its hash decides, so that looking in too many places does no harm."""
    told = manifest["prompts"].get("file")
    if not told:
        return
    path = Path(told).expanduser()
    yield path
    commands = [one.get("command") or () for one in manifest["invocations"]]
    for above in (*config_folders(commands), *folder.absolute().parents):
        yield above / path


def _sha256(path: Path) -> str | None:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return None


def _columns(told: Mapping[str, Any]) -> Columns:
    template = told.get("prompt_template")
    return Columns(FieldNames(**told.get("fields", {})), None if template is None else PromptTemplate.parse(template))
