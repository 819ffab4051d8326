"""Which files an export may replace: those that it wrote itself and nobody has changed since. Knows no format.

Whatever else stands under a name is somebody's: the journal, a table that a coder has begun to fill in, an export in
another format. So that they can be told apart, a small file beside the exports keeps the digest of each.
"""

from __future__ import annotations

import hashlib
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import orjson

from harness.errors import UsageError
from harness.journal.files import atomic_write, atomic_write_chunks, make_private_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

LEDGER_NAME = ".exports.json"
"""Beside the exports: of each file, by its name, the format and the SHA-256 that it was written with."""


class Outputs:
    """The files of one export, all under `root`."""

    def __init__(self, root: Path, form: str) -> None:
        self._root = root
        self._form = form

    def refuse_foreign(self, paths: Iterable[Path]) -> None:
        """Raise where any of `paths` is a file that this format did not write here, or that was changed since.

        Raises:
            UsageError: names the file and the ways out.
        """
        ledger = self._ledger()
        for path in paths:
            with in_a_sentence(path):
                if path.exists() and ledger.get(self._name(path)) != [self._form, _digest_of(path)]:
                    raise UsageError(
                        f"{path} is there already, and not as an export in the format {self._form} left it. Move it "
                        "away, or name another place with --output."
                    )

    def write(self, path: Path, chunks: Iterable[bytes]) -> None:
        """Write one file, whole or not at all, and remember it; missing folders are made.

        Raises:
            UsageError: it would replace something else, or cannot be written.
        """
        self.refuse_foreign([path])
        digest = hashlib.sha256()
        with in_a_sentence(path):
            make_private_folder(path.parent)
            atomic_write_chunks(path, _hashed(chunks, digest))
            ledger = self._ledger() | {self._name(path): [self._form, digest.hexdigest()]}
            atomic_write(self._root / LEDGER_NAME, orjson.dumps(ledger, option=orjson.OPT_INDENT_2))

    def _name(self, path: Path) -> str:
        return path.relative_to(self._root).as_posix()

    def _ledger(self) -> dict[str, Any]:
        try:
            held = orjson.loads((self._root / LEDGER_NAME).read_bytes())
        except (OSError, orjson.JSONDecodeError):
            return {}
        return held if isinstance(held, dict) else {}


@contextmanager
def in_a_sentence(path: Path) -> Iterator[None]:
    """What the disk says against `path`, as a sentence.

    Raises:
        UsageError: instead of an OSError.
    """
    try:
        yield
    except OSError as error:
        raise UsageError(
            f"{path} cannot be written ({error.strerror or error}). Name another place with --output, or mend that one."
        ) from error


def _digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _hashed(chunks: Iterable[bytes], digest: Any) -> Iterator[bytes]:
    for chunk in chunks:
        digest.update(chunk)
        yield chunk
