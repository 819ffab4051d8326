"""The tables of tests/README.md and the commands of README.md are true."""

from __future__ import annotations

import re
from pathlib import Path

from typer.main import get_command

from harness import cli
from harness.config import ModelConfig, RunConfig, load_config

TESTS = Path(__file__).parent
README = (TESTS.parent / "README.md").read_text()


def test_every_test_that_the_tables_name_exists():
    named = re.findall(r"`([a-z_/]+\.py)(?:::(\w+))?`", (TESTS / "README.md").read_text())
    own = {"tests/test_readme.py", "tests/conftest.py"}
    missing = [
        f"{file}::{test}"
        for file, test in named
        if file not in own
        and (not (TESTS / file).is_file() or (test and f"def {test}(" not in (TESTS / file).read_text()))
    ]

    assert len(named) > 60
    assert missing == []


def test_every_command_and_flag_of_a_run_is_in_the_readme():
    commands = get_command(cli.app).commands
    flags = [
        option
        for command in commands
        if command != "simulate"
        for item in commands[command].params
        for option in item.opts
    ]

    assert [name for name in commands if f"`{name}" not in README] == []
    assert [flag for flag in flags if flag.startswith("--") and flag not in README] == []


def test_every_key_of_a_config_is_in_the_readme():
    keys = {*RunConfig.model_fields, *ModelConfig.model_fields}

    assert [key for key in sorted(keys) if f"`{key}`" not in README and f"`{key}." not in README] == []


def test_every_config_in_the_readme_is_one(tmp_path):
    blocks = re.findall(r"```yaml\n(.*?)```", README, re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        path = tmp_path / "config.yaml"
        path.write_text(block if "models:" in block else f"{block}models: [{{name: demo, type: local}}]\n")
        load_config(path)


def test_every_module_at_the_top_is_in_the_file_map():
    modules = {path.name for path in (TESTS.parent / "harness").glob("*.py") if not path.name.startswith("__")}
    file_map = README[README.index("harness/\n") :]

    assert [name for name in sorted(modules) if name not in file_map] == []
