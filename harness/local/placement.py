"""Which device each local model goes to: the one it names, and for `auto` the one with the least work. Loads nothing.

Decided by the order of the config and the size of the weights alone, so that `check`, a run and the same run resumed
come to the same. Knows no torch, except to look for devices where a model says `auto`.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from harness.local.spec import LocalModelSpec


def place(
    specs: Iterable[LocalModelSpec], devices: Sequence[str], size: Callable[[LocalModelSpec], int | None]
) -> dict[LocalModelSpec, LocalModelSpec]:
    """Every one of `specs`, and the same with a device by its one name: `cuda` is `cuda:0`, `auto` one of `devices`.

    First those that name a device, then the others in their order: each to the device where the same weights go
    already, else to the one that has the least weights to work with so far, else to the first.

    Args:
        devices: what `auto` may mean here, as `auto_devices` gives it.
        size: the bytes of a model's weights, None where nobody knows; then all models count alike. It is only asked
            where there is a choice.
    """
    distinct = list(dict.fromkeys(specs))
    placed = {spec: replace(spec, device=_one_name(spec.device)) for spec in distinct if spec.device != "auto"}
    sizes = _sizes(distinct, size) if len(devices) > 1 and len(placed) < len(distinct) else dict.fromkeys(distinct, 1)
    work = dict.fromkeys(devices, 0)
    for spec, there in placed.items():
        if there.device in work:
            work[there.device] += sizes[spec]
    for spec in distinct:
        if spec in placed:
            continue
        choices = {device: replace(spec, device=device) for device in devices}
        shared = next((device for device in devices if choices[device] in placed.values()), None)
        device = shared or min(devices, key=work.__getitem__)
        placed[spec] = choices[device]
        work[device] += 0 if shared else sizes[spec]
    return {spec: placed[spec] for spec in distinct}


def auto_devices(specs: Iterable[LocalModelSpec]) -> tuple[str, ...]:
    """The names of the devices that `auto` may mean on this machine; none, and torch untouched, if nobody says `auto`.

    Raises:
        ImportError: torch is not installed.
    """
    if all(spec.device != "auto" for spec in specs):
        return ()
    from harness.local.devices import devices_for_auto  # noqa: PLC0415 - seconds of import, only where it is used

    return tuple(map(str, devices_for_auto()))


def _one_name(device: str) -> str:
    kind, _, number = device.partition(":")
    return f"cuda:{int(number or 0)}" if kind == "cuda" else device


def _sizes(
    specs: Iterable[LocalModelSpec], size: Callable[[LocalModelSpec], int | None]
) -> Mapping[LocalModelSpec, int]:
    found = {spec: size(spec) for spec in specs}
    known = {spec: count for spec, count in found.items() if count is not None}
    return known if len(known) == len(found) else dict.fromkeys(found, 1)
