"""The flags that several commands share, and what they say over a config. Knows no command."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

if TYPE_CHECKING:
    from harness.config import Overrides
    from harness.schema import ExecutorName

ConfigFile = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="The config, YAML or JSON. [default: configs/pilot.yaml]"),
]
Concurrency = Annotated[int | None, typer.Option(min=1, metavar="N", help="Requests in flight per rate pool.")]
Rpm = Annotated[float | None, typer.Option(metavar="N", help="Requests per minute per rate pool.")]
NumPrompts = Annotated[int | None, typer.Option(min=1, metavar="N", help="Only the first N prompts.")]
Sample = Annotated[
    int | None,
    typer.Option(min=1, metavar="N", help="Only N prompts, drawn with the seed, stratified by category and probe."),
]
Prompts = Annotated[
    Path | None, typer.Option(metavar="FILE", help="Another prompt file: JSON, JSONL, CSV, a results.jsonl.")
]
Output = Annotated[Path | None, typer.Option(metavar="DIR", help="Another output folder.")]
Device = Annotated[str | None, typer.Option(help="Device of the local models: auto, cpu, cuda, cuda:1, mps.")]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="Only this model, by name or label; without --config TYPE:NAME, a model to ask. Repeatable.",
    ),
]
Rehearse = Annotated[
    bool,
    typer.Option(
        "--rehearse", help="Simulated APIs and the demo model under the config's names: no key, GPU or hub needed."
    ),
]
MaxCost = Annotated[
    float | None, typer.Option(metavar="USD", help="Take no new work that could make the folder cost more than this.")
]

Executor = Annotated[
    str | None,
    typer.Option(
        metavar="WHERE", help="Local models: in a thread of this process, or in replicas on a Ray cluster: ray."
    ),
]
RayAddress = Annotated[
    str | None,
    typer.Option(
        metavar="HOST:PORT", help="The Ray cluster of executor ray; without it one is started on this machine."
    ),
]
ShardOfRun = Annotated[
    str | None,
    typer.Option("--shard", metavar="I/N", help="Only the I-th of N parts of the items, with an N-th of every cap."),
]


def overrides_of(  # noqa: PLR0917 - the shared flags of run and check, in their order
    concurrency: int | None,
    rpm: float | None,
    num_prompts: int | None,
    sample: int | None,
    prompts: Path | None,
    output: Path | None,
    device: str | None,
    model: list[str] | None,
    *,
    rehearse: bool,
    max_cost: float | None = None,
    shard: str | None = None,
    executor: str | None = None,
    ray_address: str | None = None,
) -> Overrides:
    """What the flags say, over the config.

    Raises:
        typer.BadParameter: a number that makes no sense.
        UsageError: there is no such shard.
    """
    from harness.config import Overrides  # noqa: PLC0415
    from harness.shard import WHOLE, Shard  # noqa: PLC0415

    if rpm is not None and not 0 < rpm <= 1_000_000:  # noqa: PLR2004 - as the config has it
        raise typer.BadParameter("--rpm must be more than 0 and at most 1000000.")
    if max_cost is not None and not 0 < max_cost < float("inf"):
        raise typer.BadParameter("--max-cost must be a number of dollars above 0.")
    if num_prompts is not None and sample is not None:
        raise typer.BadParameter("--num-prompts takes the first prompts and --sample draws some: give one of them.")
    if executor not in (None, "thread", "ray"):
        raise typer.BadParameter(f"--executor {executor}: use thread or ray.")
    part = WHOLE if shard is None else Shard.parse(shard)
    return Overrides(
        concurrency, rpm, num_prompts, sample, prompts, output, device, tuple(model or ()),
        rehearse=rehearse, max_cost_usd=max_cost, shard=part,
        executor=cast("ExecutorName | None", executor), ray_address=ray_address,
    )  # fmt: skip
