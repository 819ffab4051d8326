"""The commands that follow a run: they read its folder. Whatever a command needs is imported only when it runs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="A run's folder.")]
AsJson = Annotated[bool, typer.Option("--json", help="The same as JSON.")]
Seed = Annotated[int, typer.Option(min=0, metavar="N", help="Of everything that is drawn.")]

Format = Literal["parquet", "csv", "jsonl", "label-studio", "annotation-csv", "adjudicated-csv", "seed-json"]


def summary(folder: Folder, *, json: AsJson = False) -> None:
    """Count what a run's journal holds, per variant and in all."""
    from harness.analysis.summary import summary_command  # noqa: PLC0415

    raise typer.Exit(summary_command(folder, as_json=json))


def report(
    folder: Folder,
    *,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Instead of DIR/report.html.")] = None,
) -> None:
    """Write one HTML file to look at everything: overview, comparison, every answer, token by token."""
    from harness.analysis.report import report_command  # noqa: PLC0415

    raise typer.Exit(report_command(folder, output=output))


def score(folder: Folder, *, json: AsJson = False) -> None:
    """Mark answers by heuristics, into scores.jsonl; never mixed with labels."""
    from harness.analysis.score import score_command  # noqa: PLC0415

    raise typer.Exit(score_command(folder, as_json=json))


def compare(
    one: Folder,
    other: Annotated[Path, typer.Argument(metavar="DIR", help="Another run's folder.")],
    *,
    json: AsJson = False,
) -> None:
    """Hold two runs side by side, item by item."""
    from harness.analysis.compare import compare_command  # noqa: PLC0415

    raise typer.Exit(compare_command(one, other, as_json=json))


def uncertainty(
    folder: Folder,
    *,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A row for each answer, .csv or .jsonl, as well.")
    ] = None,
    seed: Seed = 0,
    json: AsJson = False,
) -> None:
    """Measure uncertainty from token logprobs, and how well it tells hallucinations once there are labels."""
    from harness.analysis.uncertainty import uncertainty_command  # noqa: PLC0415

    raise typer.Exit(uncertainty_command(folder, seed=seed, output=output, as_json=json))


def annotate(
    folder: Folder,
    *,
    sample: Annotated[int | None, typer.Option(min=1, metavar="N", help="Only N answers, drawn.")] = None,
    stratify: Annotated[
        bool, typer.Option("--stratify", help="Draw them by variant, category and real or synthetic.")
    ] = False,
    overlap: Annotated[float, typer.Option(min=0, max=1, metavar="SHARE", help="Labelled by every coder.")] = 0.3,
    train: Annotated[int, typer.Option(min=0, metavar="N", help="Training answers that everybody labels first.")] = 0,
    rubric: Annotated[Path | None, typer.Option(metavar="FILE", help="Another rubric, in YAML.")] = None,
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port on 127.0.0.1.")] = 8765,
    seed: Seed = 0,
) -> None:
    """Serve a page on which people label answers blind, and one on which a third person decides."""
    from harness.annotate import annotate_command  # noqa: PLC0415

    raise typer.Exit(
        annotate_command(
            folder, rubric=rubric, sample=sample, stratify=stratify, overlap=overlap, train=train, seed=seed, port=port
        )
    )


def agreement(
    folder: Folder,
    *,
    seed: Seed = 0,
    json: AsJson = False,
    csv: Annotated[bool, typer.Option("--csv", help="One tidy table.")] = False,
    latex: Annotated[bool, typer.Option("--latex", help="Tables for a paper.")] = False,
) -> None:
    """Say how far coders agree, and from what was decided, how often each variant hallucinates."""
    from harness.analysis.agreement import agreement_command  # noqa: PLC0415

    if json + csv + latex > 1:
        raise typer.BadParameter("--json, --csv and --latex are three forms of one thing: give one of them.")
    form: Literal["table", "json", "csv", "latex"] = "json" if json else "csv" if csv else "latex" if latex else "table"
    raise typer.Exit(agreement_command(folder, seed=seed, form=form))


def export(
    folder: Folder,
    *,
    form: Annotated[Format, typer.Option("--format", help="What for.")],
    output: Annotated[Path | None, typer.Option(metavar="PATH", help="Instead of DIR/export.")] = None,
    seed: Seed = 0,
) -> None:
    """Write results or labels in a form that other programs read."""
    from harness.analysis.export import export_command  # noqa: PLC0415

    raise typer.Exit(export_command(folder, form=form, output=output, seed=seed))


def import_annotations(
    folder: Folder,
    files: Annotated[list[Path], typer.Argument(metavar="FILE…", help="Label Studio's JSON export, or CSVs.")],
    *,
    coder: Annotated[
        str | None, typer.Option(metavar="NAME", help="Whose labels they are, or whose decisions.")
    ] = None,
) -> None:
    """Bring labels back that were made elsewhere."""
    from harness.analysis.importing import import_command  # noqa: PLC0415

    raise typer.Exit(import_command(folder, files, coder=coder))


def pack(
    folder: Folder,
    *,
    output: Annotated[Path | None, typer.Option(metavar="FILE", help="Instead of DIR-pack.zip.")] = None,
    not_a_key: Annotated[
        list[str] | None,
        typer.Option("--not-a-key", metavar="FILE:LINE", help="A model made up what stands there; repeatable."),
    ] = None,
) -> None:
    """Pack the artifact of a paper, without anything that names you; refuses where a key is found."""
    from harness.analysis.pack import pack_command  # noqa: PLC0415

    raise typer.Exit(pack_command(folder, output=output, not_keys=not_a_key or ()))


def merge(
    folders: Annotated[list[Path], typer.Argument(metavar="DIR…", help="The folders of runs of one config.")],
    *,
    output: Annotated[Path, typer.Option(metavar="DIR", help="A new folder.")],
    json: Annotated[bool, typer.Option("--json", help="What came of it, as JSON.")] = False,
) -> None:
    """Join the journals of several runs of one config, its shards for example: one line for each item."""
    from harness.merge import merge_command  # noqa: PLC0415

    raise typer.Exit(merge_command(folders, output, as_json=json))


def add_to(app: typer.Typer) -> None:
    """Make these functions commands of `app`."""
    for command in (merge, summary, report, score, compare, uncertainty, annotate, agreement, export, pack):
        app.command()(command)
    app.command("import-annotations")(import_annotations)
