"""Which answer an opaque id stands for. Coders never get this file; the import of their labels reads it.

Opaque ids are drawn, not computed: whoever has results.jsonl cannot find an item's. An item keeps its id in every later
export. They are consonants only, so that no spreadsheet takes one for a number, a date or a word to correct.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import orjson

from harness.analysis.export.jobs import EXPORT_FOLDER
from harness.analysis.export.outputs import in_a_sentence
from harness.errors import UsageError
from harness.journal import atomic_write, make_private_folder

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

_LETTERS = "bcdfghjkmnpqrstvwxz"
_LENGTH = 10
_KEYED = ("label-studio", "annotation-csv")


@dataclass(slots=True)
class Key:
    """The key of one format in one folder.

    Args:
        items: item ids by opaque id.
        coders: whose file it is, by its name.
    """

    items: dict[str, str] = field(default_factory=dict)
    coders: dict[str, str] = field(default_factory=dict)

    def opaque(self, item_ids: Iterable[str]) -> dict[str, str]:
        """Opaque ids by item id; those that have none yet get one."""
        known = {item_id: opaque for opaque, item_id in self.items.items()}
        for item_id in item_ids:
            if item_id not in known:
                drawn = self._draw()
                known[item_id] = drawn
                self.items[drawn] = item_id
        return known

    def _draw(self) -> str:
        while True:
            drawn = "".join(secrets.choice(_LETTERS) for _ in range(_LENGTH))
            if drawn not in self.items:
                return drawn


def read_key(folder: Path, form: str) -> Key:
    """The key of the format `form` in the run's `folder`; an empty one where there is none.

    Raises:
        UsageError: it cannot be read, or is no key.
    """
    path = _path(folder, form)
    try:
        facts = orjson.loads(path.read_bytes())
        return Key(dict(facts["items"]), dict(facts["coders"]))
    except FileNotFoundError:
        return Key()
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise UsageError(
            f"{path} cannot be read as a key ({error}). Labels that were made with it need it: restore it, or move it "
            "away and export again."
        ) from error


def read_keys(folder: Path) -> Key:
    """What all keys of `folder` say together.

    Raises:
        UsageError: as `read_key`.
    """
    both = Key()
    for form in _KEYED:
        key = read_key(folder, form)
        both.items |= key.items
        both.coders |= key.coders
    return both


def write_key(folder: Path, form: str, key: Key) -> Path:
    """Keep `key`, readable by its owner only; before any file that needs it, so that none is ever without.

    Raises:
        UsageError: it cannot be written.
    """
    path = _path(folder, form)
    with in_a_sentence(path):
        make_private_folder(path.parent)
        facts = {"items": key.items, "coders": key.coders}
        atomic_write(path, orjson.dumps(facts, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    return path


def _path(folder: Path, form: str) -> Path:
    return folder / EXPORT_FOLDER / f"{form}-key.json"
