"""What a replica takes and what a cluster has: how many replicas there will be, each with what. Knows no Ray.

Resources are named as Ray names them: CPU, GPU, and whatever a node was started with.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from harness.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

CPU, GPU = "CPU", "GPU"
LOCAL = "local"
"""The address of a cluster that is started on this machine for the run, and ends with it."""

_OF_RAY_ITSELF = ("node:", "memory", "object_store_memory", "accelerator_type:")
_ALMOST = 1e-6
_SHOWN_NODES = 6


@dataclass(frozen=True, slots=True)
class Node:
    """A machine of a cluster, and how much of each resource it has."""

    name: str
    resources: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a config says of one model's replicas.

    Args:
        device: `auto`, `cpu`, `cuda`, `cuda:N` or `mps`.
        replicas: how many, None for as many as there is room for.
        resources: what each takes; None for what follows from the device.
    """

    model_name: str
    device: str = "auto"
    replicas: int | None = None
    resources: Mapping[str, float] | None = None


@dataclass(frozen=True, slots=True)
class Placement:
    """How a model is spread over a cluster: so many `replicas`, each with these `resources` and on this `device`."""

    replicas: int
    resources: Mapping[str, float]
    device: str


def place(wanted: Wanted, nodes: Sequence[Node]) -> Placement:
    """How many replicas of a model there will be on `nodes`, and what each of them takes.

    - `resources` are taken as they are said. Without them a replica on a GPU takes one, and a core.
    - Replicas on CPUs share all cores equally, as far as every node allows it.
    - `auto` is as many replicas as there is room for; on CPUs, one on every node.

    Raises:
        UsageError: there is no such room; the sentence says what the cluster has.
    """
    if wanted.device.startswith("cuda:"):
        raise UsageError(
            f"{wanted.model_name}: Ray gives every replica a GPU of its own, so that there is no device: "
            f"{wanted.device} to ask for. Write device: cuda."
        )
    if wanted.resources is None and _on_cpus(wanted, nodes):
        return _over_cores(wanted, nodes)
    on_gpu = wanted.resources is None or wanted.resources.get(GPU, 0) > 0
    resources = wanted.resources if wanted.resources is not None else {GPU: 1.0, CPU: 1.0}
    device = "cuda" if wanted.device == "auto" and on_gpu else wanted.device
    room = sum(fitting(node.resources, resources) for node in nodes)
    count = room if wanted.replicas is None else wanted.replicas
    if not 0 < count <= room:
        raise UsageError(_no_room(wanted, resources, room, nodes))
    return Placement(count, resources, device)


def fitting(has: Mapping[str, float], takes: Mapping[str, float]) -> int:
    """How many replicas that each take `takes` fit on a node that has `has`."""
    return min((int(has.get(name, 0.0) / amount + _ALMOST) for name, amount in takes.items() if amount > 0), default=0)


def fit_together(placements: Iterable[Placement], nodes: Sequence[Node]) -> bool:
    """Whether all replicas of all `placements` have room at the same time, each put where it first fits."""
    free = [dict(node.resources) for node in nodes]
    for placement in placements:
        left = placement.replicas
        for has in free:
            here = min(left, fitting(has, placement.resources))
            for name, amount in placement.resources.items():
                has[name] = has.get(name, 0.0) - here * amount
            left -= here
        if left:
            return False
    return True


def described(nodes: Sequence[Node]) -> str:
    """What a cluster has, for a sentence."""
    if not nodes:
        return "no node that is alive"
    if len(nodes) <= _SHOWN_NODES:
        return "; ".join(f"{node.name} with {amounts(node.resources)}" for node in nodes)
    total: dict[str, float] = {}
    for node in nodes:
        for name, amount in node.resources.items():
            total[name] = total.get(name, 0.0) + amount
    return f"{len(nodes)} nodes with {amounts(total)} together"


def amounts(resources: Mapping[str, float]) -> str:
    """Resources for a sentence, without those that Ray counts for itself."""
    told = [f"{name} {amount:g}" for name, amount in sorted(resources.items()) if not name.startswith(_OF_RAY_ITSELF)]
    return ", ".join(told) or "nothing to give"


def _on_cpus(wanted: Wanted, nodes: Sequence[Node]) -> bool:
    if wanted.device == "auto":
        return not any(node.resources.get(GPU, 0) >= 1 for node in nodes)
    return not wanted.device.startswith("cuda")


def _over_cores(wanted: Wanted, nodes: Sequence[Node]) -> Placement:
    cores = [int(node.resources.get(CPU, 0)) for node in nodes]
    count = sum(number > 0 for number in cores) if wanted.replicas is None else wanted.replicas
    if not 0 < count <= sum(cores):
        raise UsageError(_no_room(wanted, {CPU: 1.0}, sum(cores), nodes))
    each = next(each for each in range(max(cores), 0, -1) if sum(number // each for number in cores) >= count)
    return Placement(count, {CPU: float(each)}, "cpu" if wanted.device == "auto" else wanted.device)


def _no_room(wanted: Wanted, resources: Mapping[str, float], room: int, nodes: Sequence[Node]) -> str:
    asked = "a replica" if wanted.replicas in (None, 1) else f"{wanted.replicas} replicas"
    each = "" if wanted.replicas in (None, 1) else " each"
    way_out = f"Set replicas: {room} or less" if room else "Ask for other `resources`"
    if GPU in resources and wanted.resources is None:
        way_out += ", or device: cpu"
    return (
        f"{wanted.model_name} asks for {asked} with {amounts(resources)}{each}, and the cluster has room for {room}: "
        f"{described(nodes)}. {way_out}, or add nodes."
    )
