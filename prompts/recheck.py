"""Compares the benchmark's entities with what exists outside. Knows nothing of files.

How much was found of what has to be there says how much absence proves: a copy that lacks most real ids is a part of
the list, and in it a missing record means nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import invent

if TYPE_CHECKING:
    from collections.abc import Sequence

    from outside import Attack, CveList

WHOLE = 0.9
"""The share of real entities that a copy has which is taken for a whole one."""


@dataclass(frozen=True)
class Recheck:
    """What was compared.

    Args:
        problems: a sentence for every entity that is no longer what its gold label says.
        coverage: a sentence on how much was there to compare with.
    """

    problems: list[str]
    coverage: str


def recheck_cves(prompts: Sequence[dict[str, Any]], cves: CveList) -> Recheck:
    """CVE ids whose state is no longer what the gold label says.

    Raises:
        OutsideError: a record cannot be read.
    """
    asked = [prompt for prompt in prompts if prompt["entity"].startswith("CVE-")]
    states = {prompt["entity"]: cves.state(prompt["entity"]) for prompt in asked}
    problems, missing = [], []
    for prompt in asked:
        name, entity = prompt["id"], prompt["entity"]
        state = states[entity]
        if prompt["is_synthetic_probe"]:
            if state is not None:
                what = "became real" if state == "PUBLISHED" else "is taken"
                problems.append(f"{name}: the probe {entity} {what}: the CVE List has it as {state}.")
        elif state is None:
            missing.append(f"{name}: {entity} is grounded, and the CVE List has no record of it.")
        elif state != "PUBLISHED":
            problems.append(f"{name}: {entity} is grounded, and the CVE List has it as {state}.")
    real = sum(not prompt["is_synthetic_probe"] for prompt in asked)
    return _with_coverage(problems, missing, real, "the CVE List has {found} of {real} real CVE ids")


def recheck_attack(prompts: Sequence[dict[str, Any]], attack: Attack) -> Recheck:
    """Malware names and technique ids that are no longer what the gold label says.

    Names and ids only: platforms, groups, aliases and techniques of a malware are not compared.
    """
    names = {name.casefold(): attack_id for name, attack_id in attack.names.items() if name}
    problems, missing, real = [], [], 0
    for prompt in prompts:
        entity, is_probe = prompt["entity"], prompt["is_synthetic_probe"]
        if prompt["category"] == "malware_description" and names:
            found = names.get(entity.casefold())
        elif prompt["template"] == "pr_technique" and attack.techniques:
            found = entity if entity in attack.techniques else None
        else:
            continue
        real += not is_probe
        if is_probe and found is not None:
            problems.append(f"{prompt['id']}: the probe {entity} became real: ATT&CK has it ({found}).")
        elif is_probe and prompt["category"] == "malware_description":
            distance, neighbour = invent.nearest(entity, [name for name in attack.names if name])
            if distance < invent.MIN_EDIT_DISTANCE:
                problems.append(f"{prompt['id']}: the probe {entity} differs from ATT&CK's {neighbour} by {distance}.")
        elif not is_probe and found is None:
            missing.append(f"{prompt['id']}: {entity} is grounded, and ATT&CK no longer names it.")
        elif not is_probe and found in attack.gone:
            problems.append(f"{prompt['id']}: {entity} is grounded, and ATT&CK has revoked or deprecated {found}.")
    return _with_coverage(problems, missing, real, "ATT&CK has {found} of {real} real malware names and techniques")


def _with_coverage(problems: list[str], missing: list[str], real: int, told: str) -> Recheck:
    told = told.format(found=real - len(missing), real=real)
    if len(missing) <= (1 - WHOLE) * real:
        return Recheck([*problems, *missing], f"{told}.")
    return Recheck(problems, f"{told}: a part of it only, in which a missing one proves nothing. Give the whole.")
