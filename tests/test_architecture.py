"""Imports go downwards only, and the command line starts without an SDK, torch or pydantic."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

PACKAGE = Path(__file__).parent.parent / "harness"

# From the ground up. A part imports from the rows above its own and from itself; `providers` knows no `registry`.
FLOORS = [
    ("0", {"schema", "digests", "terminal", "rates", "json_text", "patience", "money", "prompt_template"}),
    ("0", {"errors", "tokens"}),
    ("0", {"record", "urls", "identity", "provider", "in_flight", "wording", "shard"}),
    ("0", {"snapshot", "seen"}),
    ("1", {"config", "prompts", "limits", "events", "retry", "journal", "observer", "drift", "budget"}),
    ("1", {"lane_stats", "messages", "oldest", "tally", "findings", "verdict", "pricing", "backlog"}),
    ("1", {"stats"}),
    ("1", {"lane"}),
    ("2", {"plan", "providers", "local", "simulator", "manifest"}),
    ("2", {"cluster"}),
    ("2", {"analysis", "reuse"}),
    ("2", {"resume", "replay", "estimate", "asked"}),
    ("2", {"estimate_table"}),
    ("2", {"remaining", "spending"}),
    ("2", {"outcome"}),
    ("2", {"given"}),
    ("2", {"continuing"}),
    ("3", {"annotate", "merge"}),
    ("3", {"providers.registry", "diary", "admission", "dashboard", "lifetimes"}),
    ("3", {"workers", "verify_report"}),
    (
        "3",
        {
            "verify_table",
            "scheduler",
            "seeding",
            "watchers",
            "folder_check",
            "shard_check",
            "reuse_check",
            "local_check",
            "cluster_check",
            "online_check",
            "prompt_check",
        },
    ),
    ("4", {"preflight", "session", "verify", "watch"}),
    ("4", {"runner"}),
    ("4", {"dry_run", "library"}),
    ("5", {"cli_options", "cli_analysis"}),
    ("5", {"cli"}),
    ("5", {"__main__"}),
]
ROW = {part: row for row, (_, parts) in enumerate(FLOORS) for part in parts}


def _part(module: str) -> str | None:
    """The part of the house a module belongs to; None for the package itself."""
    if module.startswith("harness.providers.registry"):
        return "providers.registry"
    names = module.split(".")
    return names[1] if len(names) > 1 else None


def _imports(path: Path) -> set[str]:
    """Every module of this package that a file imports, for types too."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module == "harness":
            found |= {f"harness.{alias.name}" for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path} has a relative import"
            found.add(node.module or "")
    return {name for name in found if name.split(".")[0] == "harness"}


def _modules() -> dict[str, Path]:
    return {
        ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
        for path in PACKAGE.rglob("*.py")
    }


def test_every_part_has_a_floor():
    parts = {_part(module) for module in _modules()} - {None}
    assert parts == set(ROW)


def test_no_import_goes_upwards():
    wrong = [
        f"{module} ({FLOORS[ROW[part]][0]}) imports {imported} ({FLOORS[ROW[other]][0]})"
        for module, path in _modules().items()
        if (part := _part(module)) is not None
        for imported in _imports(path)
        if (other := _part(imported)) is not None and other in ROW and other != part and ROW[other] >= ROW[part]
    ]
    assert wrong == []


def test_help_imports_nothing_heavy():
    heavy = [
        "anthropic",
        "google.genai",
        "torch",
        "transformers",
        "pydantic",
        "yaml",
        "httpx",
        "aiohttp",
        "orjson",
        "rich",
    ]
    code = (
        "import sys; from harness.cli import app; from typer.main import get_command\n"
        "import harness, contextlib\n"
        "with contextlib.suppress(SystemExit): get_command(app)(['--help'])\n"
        f"print([name for name in {heavy!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
