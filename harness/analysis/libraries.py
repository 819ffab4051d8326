"""Libraries of the extra `analysis`, imported when they are first needed. Knows no statistic."""

from __future__ import annotations

import importlib
from typing import Any

from harness.errors import UsageError


def library(name: str) -> Any:
    """The module of that name, untyped: not all of them ship types.

    Raises:
        UsageError: it is not installed; says how to install it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise UsageError(
            f"This needs {name.partition('.')[0]}, which cannot be imported ({error}). Install it with "
            "pip install -c constraints.txt -e '.[analysis]'"
        ) from error
