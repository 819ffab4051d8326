"""`await harness.run(…)`: a run from within a program or a notebook, on the loop that runs there already.

What the command line would print and exit with is returned and raised here. Knows no screen of its own.
"""

from __future__ import annotations

import os
import threading
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import anyio.to_thread

from harness.config import Chosen, Overrides, RunConfig, choose_config, config_of
from harness.errors import UsageError
from harness.outcome import RunOptions
from harness.runner import checked_choice, run_given
from harness.shard import WHOLE, Shard

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.outcome import RunOutcome


async def run(
    config: str | os.PathLike[str] | Mapping[str, Any] | RunConfig,
    *,
    concurrency: int | None = None,
    requests_per_minute: float | None = None,
    num_prompts: int | None = None,
    sample: int | None = None,
    prompts_file: str | os.PathLike[str] | None = None,
    output_dir: str | os.PathLike[str] | None = None,
    device: str | None = None,
    models: str | Sequence[str] = (),
    rehearse: bool = False,
    max_cost_usd: float | None = None,
    shard: str | None = None,
    executor: Literal["thread", "ray"] | None = None,
    ray_address: str | None = None,
    resume: bool = False,
    fresh: bool = False,
    repair: bool = False,
    retry_failed: bool = True,
    faults: float = 0.0,
    display: Literal["none", "plain"] = "none",
    handle_signals: bool = True,
) -> RunOutcome:
    """Put every prompt to every model, as `harness run` does; the same call again goes on where the journal ends.

    Cancelling it stops at once and leaves a folder to go on from: at most what was in flight is sent twice.

    Args:
        config: a config file, or what would stand in one as a mapping, or a config that was read.
        concurrency, requests_per_minute, num_prompts, sample, prompts_file, output_dir, device, max_cost_usd: instead
            of what the config says, as the flags of the command line.
        models: only these, by name or label.
        rehearse: on simulated APIs and the demo model, into `<output_dir>-rehearsal`.
        shard: only this part of the items, as `1/3`, with its part of every cap and of the budget; the folder is
            `<output_dir>-shard-1-of-3` then.
        executor, ray_address: where local models run: `thread`, or `ray` and the cluster's address. A process that is
            connected to a Ray cluster already stays with that one.
        resume: insist that there is a run to go on with.
        fresh: start a new folder beside the old one.
        repair: set a corrupt line of the journal aside.
        retry_failed: whether items that failed in an earlier run are tried again.
        faults: the share of simulated requests that are answered with faults.
        display: `plain` is a line every few seconds on stderr.
        handle_signals: whether the first SIGINT, SIGTERM or SIGHUP lets what is in flight finish, and the second
            stops; never outside the main thread, where Python delivers none. Say False where the program has handlers
            of its own on this loop.

    Returns:
        How it ended; its `exit_code` is what the command line would exit with: 0 all done, 1 some items failed, 3
        stopped and resumable, 128 and the signal's number where one ended it.

    Raises:
        UsageError: what was asked cannot be done; nothing was sent.
        HarnessError: the disk refuses, or another of `harness.errors`.
    """
    overrides = Overrides(
        concurrency,
        requests_per_minute,
        num_prompts,
        sample,
        None if prompts_file is None else Path(prompts_file),
        None if output_dir is None else Path(output_dir),
        device,
        (models,) if isinstance(models, str) else tuple(models),
        rehearse,
        max_cost_usd,
        executor=executor,
        ray_address=ray_address,
        shard=WHOLE if shard is None else Shard.parse(shard),
    )
    _refuse_nonsense(overrides, faults)
    if resume and fresh:
        raise UsageError("resume goes on with a run and fresh starts a new one: give one of them.")
    options = RunOptions(
        resume=resume,
        fresh=fresh,
        repair=repair,
        retry_failed=retry_failed,
        faults=faults,
        display=display,
        signals=handle_signals and threading.current_thread() is threading.main_thread(),
        command=("harness.run",),
    )
    # Reads the prompts and may ask the model hub: other tasks of a notebook's loop go on meanwhile.
    given = await anyio.to_thread.run_sync(partial(checked_choice, _chosen(config, overrides), options))
    return await run_given(given)


def _chosen(config: str | os.PathLike[str] | Mapping[str, Any] | RunConfig, overrides: Overrides) -> Chosen:
    if isinstance(config, RunConfig):
        return Chosen(config, None, overrides)
    if isinstance(config, str | os.PathLike):
        return choose_config(Path(config), overrides)
    return Chosen(config_of({name: _as_text(value) for name, value in config.items()}, "config"), None, overrides)


def _as_text(value: Any) -> Any:
    """A value with a text in place of each path, as a file would hold it."""
    if isinstance(value, list | tuple):
        return [_as_text(one) for one in value]
    return os.fspath(value) if isinstance(value, os.PathLike) else value


def _refuse_nonsense(overrides: Overrides, faults: float) -> None:
    """What a config file would not be allowed to say either."""
    names = ("concurrency", "requests_per_minute", "num_prompts", "sample", "device", "max_cost_usd", "executor")
    given = {name: getattr(overrides, name) for name in names if getattr(overrides, name) is not None}
    config_of({**given, "models": [{"name": "any", "type": "local"}]}, "harness.run")
    if not 0 <= faults <= 1:
        raise UsageError(f"faults={faults}: give a share between 0 and 1.")
