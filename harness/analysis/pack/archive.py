"""A folder of files as a zip that comes out the same to the byte each time, with their checksums in it."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
import zipfile
from contextlib import suppress
from typing import TYPE_CHECKING

from harness.errors import UsageError
from harness.journal.files import PRIVATE_FILE, fsync_folder

if TYPE_CHECKING:
    from pathlib import Path

SUMS_NAME = "SHA256SUMS"
_EPOCH = (1980, 1, 1, 0, 0, 0)
"""The first moment that a zip can tell."""
_MODE = 0o100644
_UNIX = 3
_IN_EVERY_PACK = frozenset({SUMS_NAME, "METHODS.md", "results.jsonl"})


def names_in(folder: Path) -> list[str]:
    """The files in `folder`, by their relative paths, sorted."""
    return sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())


def write_sums(folder: Path) -> None:
    """SHA256SUMS over everything else in `folder`, as `sha256sum -c` reads it."""
    lines = []
    for name in names_in(folder):
        with (folder / name).open("rb") as file:
            lines.append(f"{hashlib.file_digest(file, 'sha256').hexdigest()}  {name}\n")
    (folder / SUMS_NAME).write_text("".join(lines), encoding="utf-8")


def write_zip(folder: Path, output: Path) -> None:
    """Everything in `folder`, sorted, with one fixed time; `output` is the whole of it or what it was before.

    Raises:
        UsageError: `output` is another kind of file, or cannot be written.
    """
    temporary = output.with_name(f".{output.name}.{secrets.token_hex(4)}.tmp")
    try:
        with temporary.open("xb") as file:
            temporary.chmod(PRIVATE_FILE)
            with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
                for name in names_in(folder):
                    _add(archive, folder / name, name)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(output)
        fsync_folder(output.parent)
    except OSError as error:
        raise UsageError(
            f"{output} cannot be written ({error.strerror}). Name a file in a folder that exists, on a disk with room, "
            "with --output."
        ) from error
    finally:
        with suppress(OSError):
            temporary.unlink()


def refuse_other_files(output: Path) -> None:
    """A slip in --output must not cost a journal, nor a document that is a zip by its form.

    Raises:
        UsageError: there is something that is no pack.
    """
    if output.exists() and not (output.is_file() and _is_pack(output)):
        raise UsageError(f"{output} is there and is no pack. Name another file with --output, or move it away.")
    if not output.parent.is_dir():
        raise UsageError(f"There is no folder {output.parent}. Make it, or name another file with --output.")


def _is_pack(path: Path) -> bool:
    try:
        with zipfile.ZipFile(path) as archive:
            return set(archive.namelist()) >= _IN_EVERY_PACK
    except (OSError, ValueError, zipfile.BadZipFile, NotImplementedError):
        return False


def _add(archive: zipfile.ZipFile, path: Path, name: str) -> None:
    entry = zipfile.ZipInfo(name, _EPOCH)
    entry.compress_type = zipfile.ZIP_DEFLATED
    entry.create_system = _UNIX
    entry.external_attr = _MODE << 16
    with path.open("rb") as source, archive.open(entry, "w", force_zip64=True) as target:
        shutil.copyfileobj(source, target, 1 << 20)
