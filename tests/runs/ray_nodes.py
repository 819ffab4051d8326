"""A Ray cluster of two nodes on this machine, as a process that does what it is told on stdin, a word a line.

`add` and `remove` are about the second node; anything else, and the end of stdin, ends the cluster. It writes a line of
JSON at the start and after every word.
"""

from __future__ import annotations

import json
import sys

from ray.cluster_utils import Cluster

MEMORY = 80_000_000


def main() -> None:
    cluster = Cluster()
    cluster.add_node(num_cpus=1, resources={"first": 4}, include_dashboard=False, object_store_memory=MEMORY)
    second = add(cluster)
    tell(cluster)
    for line in sys.stdin:
        match line.strip():
            case "remove":
                cluster.remove_node(second, allow_graceful=False)
            case "add":
                second = add(cluster)
            case _:
                break
        tell(cluster)
    cluster.shutdown()


def add(cluster: Cluster):
    return cluster.add_node(num_cpus=1, resources={"second": 4}, object_store_memory=MEMORY)


def tell(cluster: Cluster) -> None:
    sys.stdout.write(json.dumps({"address": cluster.address}) + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
