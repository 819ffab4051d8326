"""Whether several folders were asked the same, and which shards of it they are. Knows what run.json says, no record.

What determines an answer, and how much is asked, has to be equal. Pace and place need not be: caps, concurrency,
retries, deadlines, devices, folders, keys, prices and budgets.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from harness.config import config_of, expand, told_config
from harness.errors import UsageError
from harness.manifest import MANIFEST_NAME, describe_variant, differences
from harness.shard import Shard

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.config import RunConfig
    from harness.merge.inputs import Input

_MOST_NAMED = 3
_MATTERS_LITTLE = ("repeats", "logprobs")
"""What may have been another before in one folder too: it makes no other items."""


def refuse_other_plans(inputs: Sequence[Input]) -> None:
    """All of the inputs are of one config.

    Raises:
        UsageError: two of them disagree; names the folders and the first differences. Or a run.json holds no config.
    """
    first, *others = inputs
    ours = _asked(first)
    for other in others:
        theirs = _asked(other)
        found = list(_disagreements(first, ours, other, theirs))
        if found:
            more = f"; and {len(found) - _MOST_NAMED} more" if len(found) > _MOST_NAMED else ""
            raise UsageError(
                f"{first.folder} and {other.folder} are runs of configs that disagree: "
                f"{'; '.join(found[:_MOST_NAMED])}{more}. A merge joins runs of one config: where one of them is "
                "behind, run it again with the config and the prompts of the other first. `harness compare` looks at "
                "runs of different ones side by side."
            )


def asked_of(one: Input) -> RunConfig:
    """The config that its run.json tells of.

    Raises:
        ConfigError: it holds none that this version can read.
    """
    return config_of(told_config(one.manifest.config), str(one.folder / MANIFEST_NAME))


def missing_shards(inputs: Sequence[Input]) -> tuple[Shard, ...]:
    """The shards that are not among the inputs, nor among what was merged into one; none where one is a whole run.

    Raises:
        UsageError: two of them divide the plan into different numbers of shards.
    """
    parts = [part for one in inputs for part in _parts(one.folder, one.manifest.shard, one.manifest.merged_from)]
    divided = [(folder, shard) for folder, shard in parts if not shard.is_whole]
    if not divided:
        return ()
    folder, shard = divided[0]
    for other, another in divided:
        if another.count != shard.count:
            raise UsageError(
                f"{folder} is shard {shard} and {other} is shard {another}: they divide the plan differently. Merge "
                "the shards of one division."
            )
    if len(divided) < len(parts):
        return ()
    there = {one.index for _, one in divided}
    return tuple(Shard(index, shard.count) for index in range(1, shard.count + 1) if index not in there)


def planned_items(inputs: Sequence[Input]) -> int:
    """How many items the whole plan has, as far as their run.json have seen of it.

    Raises:
        ConfigError: as `asked_of` does.
    """
    prompts: int = max(one.manifest.prompts.get("count", 0) for one in inputs)
    return prompts * sum(lane.variant.repeats for lane in expand(asked_of(inputs[0])))


def _parts(
    folder: Path | str, shard: str | None, merged: Sequence[Mapping[str, Any]]
) -> Iterator[tuple[Path | str, Shard]]:
    """What was run, with the folder that it was run in."""
    if not merged:
        yield folder, Shard.parse(shard) if shard else Shard()
    for one in merged:
        yield from _parts(one["folder"], one.get("shard"), one.get("merged_from") or ())


def _asked(one: Input) -> tuple[dict[str, Any], dict[str, Any]]:
    """What its config asks: of which variants, by their names; and of which prompts."""
    config = asked_of(one)
    variants = {lane.variant.name: describe_variant(lane.variant) for lane in expand(config)}
    prompts = {name: one.manifest.prompts.get(name) for name in ("fields", "prompt_template")}
    prompts["sha256 of the file"] = one.manifest.prompts.get("sha256")
    prompts |= {"num_prompts": config.num_prompts, "sample": config.sample}
    if config.sample is not None:
        prompts["seed"] = config.seed
    return variants, prompts


def _disagreements(
    one: Input,
    asked: tuple[dict[str, Any], dict[str, Any]],
    other: Input,
    also_asked: tuple[dict[str, Any], dict[str, Any]],
) -> Iterator[str]:
    (variants, prompts), (others, other_prompts) = asked, also_asked
    folders = one.folder, other.folder
    for name in sorted(variants.keys() ^ others.keys()):
        yield f"{name} is asked in {folders[name in others]} only"
    for name in sorted(variants.keys() & others.keys()):
        yield from _told(name, variants[name], others[name], folders)
    # What was answered before a config changed is in the folder all the same.
    for name in sorted((one.manifest.variants.keys() & other.manifest.variants.keys()) - variants.keys()):
        before, also = (
            {key: value for key, value in manifest.variants[name].items() if key not in _MATTERS_LITTLE}
            for manifest in (one.manifest, other.manifest)
        )
        yield from _told(name, before, also, folders)
    yield from _told("prompts", prompts, other_prompts, folders)


def _told(name: str, one: Any, other: Any, folders: tuple[Path, Path]) -> Iterator[str]:
    for fact, here, there in differences(name, one, other):
        yield f"{name}: {fact} is {here} in {folders[0]} and {there} in {folders[1]}"
