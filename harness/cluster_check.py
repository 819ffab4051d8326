"""Whether the Ray cluster of a config is there and has room for what it asks: looked at before anything begins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from harness.cluster.executor import ClusterPlan
from harness.cluster.look import look_at
from harness.cluster.needs import LOCAL, Wanted, amounts, described, place
from harness.config import expand
from harness.errors import UsageError
from harness.findings import Level
from harness.providers.registry import is_on_cluster, local_spec
from harness.schema import ProviderType

if TYPE_CHECKING:
    from collections.abc import Callable

    from harness.cluster.look import Cluster
    from harness.cluster.needs import Placement
    from harness.config import RunConfig
    from harness.findings import Report
    from harness.local.spec import LocalModelSpec


def examine_cluster(
    config: RunConfig, report: Report, look: Callable[[str | None], Cluster] = look_at
) -> ClusterPlan | None:
    """Add to `report` what the cluster says; how the models are spread over it, None where none is on a cluster.

    Nobody is asked while something else has to be mended first.
    """
    if report.problems:
        return None
    local = [lane for lane in expand(config) if lane.model.type is ProviderType.LOCAL]
    lanes = [lane for lane in local if is_on_cluster(lane.model)]
    if not lanes:
        if local and config.ray_address is not None:
            told = f"{config.ray_address} is not asked for anything: no model has executor: ray (or --executor ray)."
            report.add(Level.NOTE, "ray", told)
        return None
    try:
        cluster = look(config.ray_address)
    except UsageError as error:
        report.add(Level.PROBLEM, "ray", str(error))
        return None
    where = "started on this machine for the run" if cluster.address == LOCAL else cluster.address
    report.add(Level.OK, "ray", f"{where}: {described(cluster.nodes)}.")
    placements: dict[LocalModelSpec, Placement] = {}
    seen: dict[LocalModelSpec, Wanted] = {}
    for lane in lanes:
        model, spec = lane.model, local_spec(lane.model)
        wanted = Wanted(model.name, model.device, model.replicas, model.resources)
        before, seen[spec] = seen.get(spec), wanted
        if before is not None:
            if before != wanted:
                told = f"{model.name} stands twice, with different `replicas` or `resources`: say the same in both."
                report.add(Level.PROBLEM, "ray", told)
            continue
        try:
            placement = place(wanted, cluster.nodes)
        except UsageError as error:
            report.add(Level.PROBLEM, "ray", str(error))
            continue
        placements[spec] = placement
        count, each = placement.replicas, amounts(placement.resources)
        told = f"{count} replicas on {placement.device}, each with {each}" if count > 1 else f"a replica with {each}"
        report.add(Level.OK, "ray", f"{model.name}: {told}; its weights are looked for on the nodes, when they load.")
    return ClusterPlan(cluster, placements)
