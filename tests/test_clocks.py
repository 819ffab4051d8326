"""A clock that is set, or a machine that sleeps, makes nothing burst: what paces knows no wall clock."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / "harness"
PACES = [*(PACKAGE / "limits").glob("*.py"), *(PACKAGE / f"{name}.py" for name in ("backlog", "retry", "verdict"))]


@pytest.mark.parametrize("path", PACES, ids=lambda path: path.stem)
def test_what_paces_knows_only_the_loops_clock(path):
    known = {
        name.name.split(".")[0]
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in (node.names if isinstance(node, ast.Import) else [ast.alias(node.module or "")])
    }

    assert known.isdisjoint({"time", "datetime"})
