"""Every prompt against every model, each answer captured once, with all its evidence.

- `await run(config)`: a run, within a program or a notebook
- `read_results(folder)`: its records, one by one or as a frame
- `RunOutcome`: how a run ended
- `harness.errors`: what either raises
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.analysis.frames import read_results
    from harness.library import run
    from harness.outcome import RunOutcome

__version__ = "0.1.0"

__all__ = ["RunOutcome", "__version__", "read_results", "run"]

_HOMES = {"RunOutcome": "harness.outcome", "read_results": "harness.analysis.frames", "run": "harness.library"}


def __getattr__(name: str) -> Any:
    """The public names, each from its module when it is first asked for: `--help` waits for none of them."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
