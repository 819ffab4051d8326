"""`harness annotate`: serves a folder's answers to people who label them, on this machine, until Ctrl-C."""

from __future__ import annotations

import importlib.util
import secrets
import sys
from typing import TYPE_CHECKING

import anyio

from harness.analysis.annotations_file import annotations_lock
from harness.annotate.drawing import Flags
from harness.annotate.serving import listen, serve
from harness.annotate.store import Store, open_annotations
from harness.annotate.study import open_study
from harness.errors import UsageError
from harness.findings import say
from harness.journal import RESULTS_NAME
from harness.terminal import visible

if TYPE_CHECKING:
    import socket
    from pathlib import Path

    from harness.analysis.labels import Annotations
    from harness.annotate.study import Study
    from harness.journal.append import AppendFile

_PACKAGES = ("starlette", "uvicorn", "jinja2")


def annotate_command(
    folder: Path,
    *,
    rubric: Path | None = None,
    sample: int | None = None,
    stratify: bool = False,
    overlap: float = 0.3,
    train: int = 0,
    seed: int = 0,
    host: str = "127.0.0.1",
    port: int = 8765,
) -> int:
    """Serve the labelling pages of `folder` and print their address, with its token, on stdout.

    What was drawn the first time stays: later starts go on with it, whatever flags are left at their defaults.

    Args:
        rubric: a YAML file; the shipped one, or the folder's own copy, where none is named.
        sample, stratify, overlap, train, seed: as `harness.annotate.drawing.Flags` has them.
        port: 0 takes a free one.

    Returns:
        0 when it was interrupted.

    Raises:
        UsageError: there is nothing to label, or not like this; another annotator holds the folder; the port is in use.
        JournalCorruptError: a line of results.jsonl is no record.
        JournalWriteError: the disk refuses.
    """
    missing = [name for name in _PACKAGES if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(
            f"annotate needs {', '.join(missing)}: run `pip install -c constraints.txt -e '.[analysis]'` first."
        )
    flags = Flags(sample, stratify, overlap, train, seed)
    if not (folder / RESULTS_NAME).is_file():
        raise UsageError(f"There is no {RESULTS_NAME} in {folder}. Give the folder that a run wrote, its output_dir.")
    with annotations_lock(folder), listen(host, port) as listener:
        study = open_study(folder, flags, rubric)
        file, said, torn = open_annotations(study)
        notes = (*study.notes, *([f"A torn last line of the labels was set aside in {torn}."] if torn else []))
        for note in notes:
            say(f"note: {note}")
        anyio.run(_serve, study, file, said, listener)
    say("Stopped. Every label that a page called saved is in the folder; the same command goes on.")
    return 0


async def _serve(
    study: Study,
    file: AppendFile,
    said: Annotations,
    listener: socket.socket,
) -> None:
    from harness.annotate.app import make_app  # noqa: PLC0415 - imports what the extra brings

    address, port = listener.getsockname()[:2]
    token = secrets.token_urlsafe()
    url = f"http://{f'[{address}]' if ':' in address else address}:{port}/?token={token}"
    store = Store(file, said, study.rubric.digest)

    def tell() -> None:
        sys.stdout.write(f"{_plan(study)}\n{url}\n")
        sys.stdout.write(f"To adjudicate: {url.replace('/?', '/adjudicate?')}\n")
        sys.stdout.flush()

    try:
        await serve(make_app(study, store, token=token, port=port), listener, on_ready=tell)
    finally:
        with anyio.CancelScope(shield=True):
            await store.aclose()


def _plan(study: Study) -> str:
    drawn = study.assignment.drawn
    sample = len(drawn.shared) + len(drawn.split)
    training = f", after {len(drawn.training)} for training" if drawn.training else ""
    coders = ", ".join(study.assignment.coders)
    return (
        f"{visible(str(study.folder))}: {sample} of {len(study.items)} answers to label{training}; every coder labels "
        f"{len(drawn.shared)} of them, {len(drawn.split)} are split. Rubric: {study.rubric.name}."
        f"{f' So far: {visible(coders)}.' if coders else ''} Ctrl-C stops."
    )
