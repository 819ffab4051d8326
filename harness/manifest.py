"""run.json: what belongs to the run and not to one answer, and whether a resumed plan is still the same plan."""

from __future__ import annotations

import importlib.metadata
import platform
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import orjson

import harness
from harness.config.environment import is_reference
from harness.errors import JournalWriteError, UsageError
from harness.identity import variant_identity
from harness.journal.files import atomic_write
from harness.json_text import to_json
from harness.record import SCHEMA_VERSION
from harness.shard import WHOLE, Shard
from harness.urls import without_credentials

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.config import ModelConfig, RunConfig
    from harness.schema import Variant

MANIFEST_NAME = "run.json"
_LATER = {"shard", "items", "merged_from"}
_PACKAGES = (
    "anthropic", "google-genai", "httpx", "httpx-aiohttp", "aiohttp", "aiolimiter", "anyio", "orjson", "pydantic",
    "torch", "transformers", "tokenizers", "safetensors", "ray",
)  # fmt: skip


@dataclass(slots=True)
class Manifest:
    """The contents of run.json. One `run_id` per folder; every start of a run adds an invocation.

    Args:
        shard: the part of the plan that the folder is for, as `1/3`; None for all of it.
        items: of a shard, how many items of each variant are in it. Of a whole plan that is prompts × repeats.
        merged_from: of a folder that others were merged into, one entry for each: `{folder, run_id, shard, records,
            conflicts}`, how many records were taken from it and how many of its answers were left out because the first
            one to the item says something else; and its own `merged_from`, where it has any.
    """

    run_id: str
    created_at: str
    simulated: bool
    prompts: dict[str, Any]
    variants: dict[str, dict[str, Any]]
    config: dict[str, Any]
    shard: str | None = None
    items: dict[str, int] = field(default_factory=dict)
    merged_from: list[dict[str, Any]] = field(default_factory=list)
    resolved: dict[str, dict[str, list[Any]]] = field(default_factory=dict)
    invocations: list[dict[str, Any]] = field(default_factory=list)

    @classmethod
    def new(cls, run_id: str | None = None) -> Manifest:
        """A manifest for a folder that has none; `run_id` is the one that its records have, where it has any."""
        return cls(run_id or uuid.uuid4().hex, _now(), simulated=False, prompts={}, variants={}, config={})

    @classmethod
    def read(cls, folder: Path) -> Manifest | None:
        """The manifest of `folder`, or None where there is none.

        Raises:
            UsageError: there is one and it is no manifest.
        """
        path = folder / MANIFEST_NAME
        try:
            data = orjson.loads(path.read_bytes())
            # A folder may have been begun before there were shards.
            made = cls(**{name: data[name] for name in cls.__slots__ if name in data or name not in _LATER})
            made._refuse_other_shapes()
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (orjson.JSONDecodeError, AttributeError, KeyError, TypeError, UsageError) as error:
            raise UsageError(
                f"{path} is not a run's manifest. Move it away: the command that made the results goes on from them "
                "alone and writes one anew. With --fresh it begins another folder."
            ) from error
        return made

    def _refuse_other_shapes(self) -> None:
        """What others rely on to be an object is one; raises whatever comes of it where it is none."""
        objects = [self.prompts, self.config, self.items, *self.variants.values(), *self.resolved.values()]
        objects += [*self.config.get("models", ()), *self.invocations, *self.merged_from]
        if not all(isinstance(one, dict) for one in objects):
            raise TypeError("a part of it is no object")
        if self.shard is not None:
            Shard.parse(self.shard)

    def write(self, folder: Path) -> None:
        """Replace run.json atomically.

        Raises:
            JournalWriteError: the disk refuses.
        """
        facts = {"schema_version": SCHEMA_VERSION} | {name: getattr(self, name) for name in self.__slots__}
        try:
            atomic_write(folder / MANIFEST_NAME, to_json(facts, orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
        except OSError as error:
            raise JournalWriteError(
                f"{folder / MANIFEST_NAME} cannot be written ({error.strerror}). Check that disk and its room, then "
                "run the same command again."
            ) from error

    @property
    def part(self) -> Shard:
        """The same as `shard`."""
        return WHOLE if self.shard is None else Shard.parse(self.shard)

    def count_items(self, items: Mapping[str, int]) -> None:
        """Of a shard, take note of how many items of each variant it holds; a narrower start takes none away."""
        if self.shard is not None:
            self.items |= {name: max(count, self.items.get(name, 0)) for name, count in items.items()}

    def items_of(self, name: str, repeats: int) -> int:
        """How many items of a variant the folder is for."""
        return self.items.get(name, round(self.part.share(self.prompts.get("count", 0) * repeats)))

    def begin(self, *, command: Sequence[str]) -> None:
        """Add an invocation: when, by which command, with which versions."""
        self.invocations.append(
            {
                "started_at": _now(),
                "ended_at": None,
                "exit_code": None,
                "command": list(command),
                "harness": harness.__version__,
                "python": platform.python_version(),
                "platform": platform.platform(),
                "packages": _versions(),
            }
        )

    def end(self, *, exit_code: int, totals: dict[str, Any]) -> None:
        """Close the invocation that `begin` opened."""
        self.invocations[-1] |= {"ended_at": _now(), "exit_code": exit_code, "totals": totals}


def describe_variant(variant: Variant) -> dict[str, Any]:
    """What run.json says of a variant: its identity, readable, without anything that could hold a credential."""
    facts: dict[str, Any] = orjson.loads(variant_identity(variant))
    facts["repeats"] = variant.repeats
    facts["logprobs"] = None if variant.logprobs is None else {
        "top": variant.logprobs.top, "positions": variant.logprobs.positions, "of": variant.logprobs.of,
    }  # fmt: skip
    return facts


def describe_config(config: RunConfig) -> dict[str, Any]:
    """The resolved config with credentials reduced to the names of their variables."""
    facts = config.model_dump(mode="json", exclude={"models"}, exclude_defaults=True)
    facts["models"] = [_describe_model(config.resolved(model)) for model in config.models]
    return _with_bare_urls(facts)


def _describe_model(model: ModelConfig) -> dict[str, Any]:
    facts = _with_bare_urls(model.model_dump(mode="json", exclude_defaults=True))
    key = facts.get("api_key")
    if key is not None and not is_reference(key):
        facts["api_key"] = "(written in the config, not stored)"
    if "logprobs" in model.model_fields_set and model.logprobs is None:
        # What says nothing of them records them where the model is local.
        facts["logprobs"] = False
    return facts


def _with_bare_urls(facts: dict[str, Any]) -> dict[str, Any]:
    for name in ("base_url", "simulator"):
        if facts.get(name):
            facts[name] = without_credentials(facts[name])
    return facts


def refuse_changed_variants(manifest: Manifest, variants: Sequence[Variant], folder: Path) -> None:
    """New models, temperatures and repeats extend a run; a changed parameter does not belong into its folder.

    Raises:
        UsageError: names what changed, and `--fresh`.
    """
    new = {variant.name: describe_variant(variant) for variant in variants}
    old = manifest.variants
    way_out = f"Add --fresh to start a new folder beside {folder}, or take the change back to go on with this one."
    simulated = {bool(facts.get("simulated")) for facts in old.values()}
    if old and simulated.isdisjoint(variant.simulated for variant in variants):
        kinds = ("simulated", "real") if True in simulated else ("real", "simulated")
        raise UsageError(f"{folder} holds {kinds[0]} answers and this run would add {kinds[1]} ones. {way_out}")
    for name in new.keys() & old.keys():
        keys = (new[name].keys() | old[name].keys()) - {"repeats", "logprobs"}
        changed = sorted(key for key in keys if new[name].get(key) != old[name].get(key))
        if changed:
            told = "; ".join(
                f"{fact} was {before} and is {now}"
                for key in changed
                for fact, before, now in differences(key, old[name].get(key), new[name].get(key))
            )
            raise UsageError(f"{name} changed since {folder} was begun: {told}. {way_out}")
    for model in {(facts["provider"], facts["model"], facts.get("label")) for facts in new.values()}:
        added = _names_of(model, new) - _names_of(model, old)
        gone = _names_of(model, old) - _names_of(model, new)
        if added and gone:
            raise UsageError(
                f"{model[1]} changed since {folder} was begun: {', '.join(sorted(gone))} became "
                f"{', '.join(sorted(added))}. {way_out}"
            )


def differences(name: str, one: Any, other: Any) -> Iterator[tuple[str, str, str]]:
    """Where two values of a fact differ, its parts one by one where it has any: name, value and value, for people."""
    if isinstance(one, dict) and isinstance(other, dict):
        for key in sorted(one.keys() | other.keys()):
            yield from differences(key, one.get(key), other.get(key))
    elif one != other:
        yield name, _shown(one), _shown(other)


def _shown(value: Any) -> str:
    return f"{value:g}" if isinstance(value, float) else "not set" if value is None else repr(value)


def _names_of(model: tuple[Any, ...], variants: dict[str, dict[str, Any]]) -> set[str]:
    return {
        name for name, facts in variants.items() if (facts["provider"], facts["model"], facts.get("label")) == model
    }


def _versions() -> dict[str, str]:
    versions = {}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return versions


def _now() -> str:
    return datetime.now(UTC).astimezone().isoformat(timespec="milliseconds")
