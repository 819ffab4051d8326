"""Which items of a folder everybody labelled for training, as annotate.json tells. Draws nothing and writes nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import orjson

from harness.errors import UsageError

if TYPE_CHECKING:
    from pathlib import Path

ASSIGNMENT_NAME = "annotate.json"
"""What `annotate` drew and dealt in a folder; one of its keys is `training`, a list of item ids."""


def training_items(folder: Path) -> frozenset[str]:
    """The item ids whose labels are practice: no agreement and no rate counts them. Empty where nobody annotated.

    Raises:
        UsageError: annotate.json is there and is not what `annotate` wrote.
    """
    path = folder / ASSIGNMENT_NAME
    try:
        return frozenset(orjson.loads(path.read_bytes())["training"])
    except FileNotFoundError:
        return frozenset()
    except (OSError, orjson.JSONDecodeError, KeyError, TypeError) as error:
        raise UsageError(
            f"{path} does not say which items were for training ({error!r}). Put back the file that `annotate` wrote."
        ) from None
