"""Which records of a run go into one file of the original pilot's form, and where it lies. Knows no contents.

The pilot's scripts take the files of one folder together and join them on prompt id and model. So a folder is one
temperature, and holds one answer for each prompt and model: what repeats or a second variant of a model add goes into
further folders of that temperature.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from harness.analysis.export.names import short_slug, slug

if TYPE_CHECKING:
    from collections.abc import Sequence

    from harness.analysis.records import Record


@dataclass(frozen=True, slots=True)
class SeedFile:
    """One file's records: all of one variant and one repeat.

    Args:
        path: `temp0.7/pilot_<model>_temp0.7_<time>.json`, relative; the model's name has digits of its hash where it
            cannot stand in a file name as it is, or another model of the folder has a file of that name.
        further: whether its folder is not the first of its temperature.
        temperature: as it was sent; None where it was not.
    """

    path: str
    further: bool
    variant: str
    repeat: int
    model: str
    temperature: float | None
    records: tuple[Record, ...]

    @property
    def folder(self) -> str:
        """The name of its folder."""
        return self.path.partition("/")[0]


def arrange(records: Sequence[Record], began: str) -> list[SeedFile]:
    """The files of `records`, variants by name and repeats in order.

    Args:
        began: when the run did, ISO 8601; a later export of a run that went on has the same names.
    """
    groups: dict[tuple[str, int], list[Record]] = {}
    for record in records:
        groups.setdefault((record["variant"], record["repeat"]), []).append(record)
    time = datetime.fromisoformat(began).strftime("%Y%m%d_%H%M%S")
    models_in: dict[str, set[str]] = {}
    paths: set[str] = set()
    files = []
    for (variant, repeat), group in sorted(groups.items(), key=lambda item: (item[0][1], item[0][0])):
        model = group[0]["model"]
        temperature = (group[0]["sampling_params"] or {}).get("temperature")
        folder = plain = f"temp{_shown(temperature)}"
        number = 1
        while model in models_in.setdefault(folder, set()):
            number += 1
            folder = f"{plain}-{number}"
        models_in[folder].add(model)
        path = f"{folder}/pilot_{short_slug(model)}_{plain}_{time}.json"
        # Some file systems take names that differ in their capitals for one.
        if path.casefold() in paths:
            path = f"{folder}/pilot_{slug(model)}_{plain}_{time}.json"
        paths.add(path.casefold())
        files.append(SeedFile(path, folder != plain, variant, repeat, model, temperature, tuple(group)))
    return files


def _shown(temperature: float | None) -> str:
    """As in a variant's name."""
    if temperature is None:
        return "default"
    return f"{temperature:g}" if temperature % 1 else f"{temperature:.1f}"
