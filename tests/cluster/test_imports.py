"""The driver of a cluster imports neither torch nor, unless it connects, Ray."""

from __future__ import annotations

import pkgutil
import subprocess
import sys
from importlib.util import find_spec

import pytest

import harness.cluster

RAYS = ("connection", "probe")
ALL = tuple(module.name for module in pkgutil.iter_modules(harness.cluster.__path__))


def imported(names, and_then=""):
    """What of all that is heavy a process has imported in the end."""
    modules = "\n".join(f"import harness.cluster.{name}" for name in names)
    code = f"import sys\n{modules}\n{and_then}\nprint(*sorted({{'ray', 'torch', 'transformers'}} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    return done.stdout.split()


def test_nothing_but_the_connection_itself_imports_ray_and_nothing_torch():
    names = [name for name in ALL if name not in RAYS]
    assert {"actor", "executor", "group", "look", "ray_replica"} <= set(names)
    assert imported(names) == []


@pytest.mark.skipif(find_spec("ray") is None, reason="needs the extra `ray`")
def test_a_driver_that_has_imported_ray_has_not_imported_torch():
    prepare = "from harness.cluster.connection import prepare_ray; prepare_ray('127.0.0.1:6379')"
    assert imported(RAYS, prepare) == ["ray"]


def test_a_run_that_may_go_to_a_cluster_checks_it_without_torch():
    assert imported((), "import harness.cluster_check, harness.watchers, harness.providers.registry") == []
