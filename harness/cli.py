"""The command line: parse, call, exit code. Whatever a command needs is imported only when it runs."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Annotated

import typer

from harness import cli_analysis
from harness.cli_options import (
    Concurrency,
    ConfigFile,
    Device,
    Executor,
    MaxCost,
    Models,
    NumPrompts,
    Output,
    Prompts,
    RayAddress,
    Rehearse,
    Rpm,
    Sample,
    ShardOfRun,
    overrides_of,
)
from harness.errors import HarnessError

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    # Plain help needs no rich, and a traceback with locals would print keys.
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    help="Every prompt against every model, each answer captured once, with all its evidence.",
    epilog="Exit codes: 0 all done, 1 finished with failed items, 2 wrong usage or config, 3 stopped and resumable, "
    "129, 130 or 143 interrupted and resumable.",
)


@app.command()
def run(
    *,
    config: ConfigFile = None,
    concurrency: Concurrency = None,
    rpm: Rpm = None,
    num_prompts: NumPrompts = None,
    sample: Sample = None,
    prompts: Prompts = None,
    output: Output = None,
    device: Device = None,
    model: Models = None,
    resume: Annotated[bool, typer.Option("--resume", help="Insist that there is a run to go on with.")] = False,
    fresh: Annotated[bool, typer.Option("--fresh", help="Start a new folder beside the old one.")] = False,
    repair: Annotated[bool, typer.Option("--repair", help="Set a corrupt line of the journal aside.")] = False,
    rehearse: Rehearse = False,
    faults: Annotated[
        float, typer.Option(min=0, max=1, metavar="SHARE", help="Of the simulator's answers: make it a bad night.")
    ] = 0.0,
    max_cost: MaxCost = None,
    shard: ShardOfRun = None,
    executor: Executor = None,
    ray_address: RayAddress = None,
    no_retry_failed: Annotated[
        bool, typer.Option("--no-retry-failed", help="Leave items alone that failed in an earlier run.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print requests, tokens, cost and time per variant; send nothing.")
    ] = False,
    report: Annotated[bool, typer.Option("--report", help="Write report.html into the folder at the end.")] = False,
    plain: Annotated[bool, typer.Option("--plain", help="A line every few seconds instead of the dashboard.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object per event on stdout.")] = False,
) -> None:
    """Run every prompt against every model; the same command again goes on where the journal ends."""
    from harness.outcome import RunOptions  # noqa: PLC0415

    if resume and fresh:
        raise typer.BadParameter("--resume goes on with a run and --fresh starts a new one: give one of them.")
    overrides = overrides_of(
        concurrency, rpm, num_prompts, sample, prompts, output, device, model,
        rehearse=rehearse, max_cost=max_cost, shard=shard, executor=executor, ray_address=ray_address,
    )  # fmt: skip
    options = RunOptions(
        resume=resume,
        fresh=fresh,
        repair=repair,
        retry_failed=not no_retry_failed,
        faults=faults,
        report=report,
        display="json" if json else "plain" if plain else "auto",
        command=_command_line(),
    )
    if dry_run:
        from harness.dry_run import dry_run_command  # noqa: PLC0415

        raise typer.Exit(dry_run_command(config, overrides, options))
    from harness.runner import run_command  # noqa: PLC0415

    raise typer.Exit(run_command(config, overrides, options))


@app.command()
def check(
    *,
    config: ConfigFile = None,
    concurrency: Concurrency = None,
    rpm: Rpm = None,
    num_prompts: NumPrompts = None,
    sample: Sample = None,
    prompts: Prompts = None,
    output: Output = None,
    device: Device = None,
    model: Models = None,
    rehearse: Rehearse = False,
    shard: ShardOfRun = None,
    executor: Executor = None,
    ray_address: RayAddress = None,
    online: Annotated[
        bool, typer.Option("--online", help="Send one cheap request per model and key as well; costs a few tokens.")
    ] = False,
) -> None:
    """Say what a run needs and whether it is there, before anything is sent or spent."""
    from harness.preflight import check_command  # noqa: PLC0415

    overrides = overrides_of(
        concurrency, rpm, num_prompts, sample, prompts, output, device, model,
        rehearse=rehearse, shard=shard, executor=executor, ray_address=ray_address,
    )  # fmt: skip
    raise typer.Exit(check_command(config, overrides, online=online))


@app.command()
def watch(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="The folder of a run, going on or over.")],
    *,
    plain: Annotated[bool, typer.Option("--plain", help="A line every few seconds instead of the dashboard.")] = False,
    json: Annotated[bool, typer.Option("--json", help="One JSON object per event on stdout.")] = False,
) -> None:
    """Show the dashboard of a run that another process is writing, or that is over."""
    from harness.watch import watch_command  # noqa: PLC0415

    raise typer.Exit(watch_command(folder, "json" if json else "plain" if plain else "auto"))


@app.command()
def verify(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A run's folder.")],
    *,
    sample: Annotated[int, typer.Option(min=1, metavar="N", help="How many answers, spread over the variants.")] = 20,
    seed: Annotated[int, typer.Option(metavar="N", help="Draws which ones.")] = 0,
    device: Annotated[str | None, typer.Option(help="Instead of the kind of device they were made on.")] = None,
    json: Annotated[bool, typer.Option("--json", help="The same as JSON.")] = False,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Run Python files of weights where the records say they ran.")
    ] = False,
) -> None:
    """Make recorded answers of local models again, each alone, and say how many differ: exit code 1 where any does."""
    from harness.verify import verify_command  # noqa: PLC0415

    raise typer.Exit(
        verify_command(
            folder, sample=sample, seed=seed, device=device, trust_remote_code=trust_remote_code, as_json=json
        )
    )


@app.command()
def simulate(
    *,
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port; 0 takes a free one.")] = 8800,
    rpm: Annotated[int | None, typer.Option(min=1, metavar="N", help="Answer 429 above N requests a minute.")] = None,
    latency: Annotated[float, typer.Option(min=0, metavar="S", help="Median seconds before an answer.")] = 0.25,
    spread: Annotated[float, typer.Option(min=0, help="Sigma of the lognormal latency.")] = 0.3,
    refusal_share: Annotated[float, typer.Option(min=0, max=1, help="Share of prompts that are refused.")] = 0.01,
    input_tpm: Annotated[
        int | None, typer.Option("--input-tpm", min=1, metavar="N", help="Answer 429 above N input tokens a minute.")
    ] = None,
    output_tpm: Annotated[
        int | None, typer.Option("--output-tpm", min=1, metavar="N", help="Likewise for tokens of answers.")
    ] = None,
    fault: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND=SHARE", help="A fault for this share of the requests, e.g. 429:seconds=2=0.1; repeatable."
        ),
    ] = None,
    faults: Annotated[
        float, typer.Option(min=0, max=1, metavar="SHARE", help="A bad night: this share of mixed, passing faults.")
    ] = 0.0,
    fault_script: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Faults per request, in JSON: a list of entries.")
    ] = None,
    seed: Annotated[int, typer.Option(help="Of latencies, faults and answers without a seed.")] = 0,
) -> None:
    """Serve the simulated providers until interrupted; a config reaches them with `simulator: URL`."""
    import asyncio  # noqa: PLC0415

    from harness.simulator import SimulatorSettings, read_script, requested_shares, serve  # noqa: PLC0415

    settings = SimulatorSettings(
        rpm=rpm,
        latency_s=latency,
        latency_spread=spread,
        refusal_share=refusal_share,
        seed=seed,
        input_tokens_per_minute=input_tpm,
        output_tokens_per_minute=output_tpm,
        faults=requested_shares(fault or (), faults),
        fault_script=read_script(fault_script) if fault_script is not None else [],
    )
    asyncio.run(serve(settings, host, port, announce=lambda url: typer.echo(f'{{"url": "{url}"}}')))


cli_analysis.add_to(app)


def _command_line() -> tuple[str, ...]:
    """The command as it can be given again: by the name it was called by, or with the Python that runs it."""
    name = Path(sys.argv[0])
    if name.name != "__main__.py":
        return (name.name, *sys.argv[1:])
    python = Path(sys.executable)
    inside = python.is_relative_to(Path.cwd())
    return (str(python.relative_to(Path.cwd())) if inside else python.name, "-m", "harness", *sys.argv[1:])


def main() -> None:
    """The entry point of `harness` and of `python -m harness`."""
    for name in ("stdout", "stderr"):
        # A closed stream is None here, and everything below means it to be one.
        if getattr(sys, name) is None:
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - for as long as we live
    try:
        app(prog_name="harness")
    except HarnessError as error:
        from harness.terminal import visible  # noqa: PLC0415

        sys.stderr.write(f"error: {visible(str(error), multiline=True)}\n")
        sys.exit(error.exit_code)
    except KeyboardInterrupt:
        sys.stderr.write("Interrupted. Run the same command again.\n")
        sys.exit(128 + signal.SIGINT)
    except OSError as error:
        sys.stderr.write(f"error: {error}\n")
        sys.exit(HarnessError.exit_code)
