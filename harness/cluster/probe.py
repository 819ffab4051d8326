"""A child that connects to a Ray cluster, writes what is there to stdout as one line of JSON, and ends.

`python -m harness.cluster.probe ADDRESS`. Ray writes to the terminal, takes over signals and tries for minutes: a
process that only wants to know lets a child do all that. See `harness.cluster.look`.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any

from harness.cluster.connection import join, prepare_ray


def main(address: str) -> int:
    """Connect, print, disconnect."""
    facts: dict[str, Any]
    # Where this machine is no node of the cluster, Ray looks for one for a minute.
    os.environ.setdefault("RAY_gcs_server_request_timeout_seconds", "10")
    ray = prepare_ray(address)
    try:
        join(ray, address)
        nodes = [node for node in ray.nodes() if node["Alive"]]
        facts = {"nodes": [{"name": node["NodeManagerHostname"], "resources": node["Resources"]} for node in nodes]}
    except Exception as exc:  # noqa: BLE001 - whatever it is, the parent has the sentence for it
        facts = {"error": type(exc).__name__, "message": str(exc)}
    sys.stdout.write(json.dumps(facts) + "\n")
    sys.stdout.flush()
    ray.shutdown()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
