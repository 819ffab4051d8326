"""What the local models of a config need: their files, what they will see of the prompts, memory. Loads no weights."""

from __future__ import annotations

import heapq
import json
from datetime import UTC, datetime
from itertools import islice
from typing import TYPE_CHECKING

from harness.errors import ConfigError, LaneError, UsageError
from harness.findings import Level
from harness.manifest import Manifest
from harness.plan import requests_for
from harness.providers.registry import is_on_cluster, local_spec
from harness.schema import ProviderType

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from harness.config import LaneConfig
    from harness.findings import Finding, Report
    from harness.local.checks.inspection import Inspection
    from harness.local.checks.remote import Remote
    from harness.local.spec import LocalModelSpec
    from harness.schema import Prompt, Request

_COUNTED = 32
"""The longest prompts, by their bytes, that are counted in tokens: bytes tell nearly, and tokenizing all takes long."""


def examine_local(
    lanes: Sequence[LaneConfig],
    prompts: Iterable[Prompt] | None,
    report: Report,
    *,
    thorough: bool,
    day: str | None = None,
    ask_hub: Callable[[LocalModelSpec], Remote] | None = None,
) -> int:
    """Add to `report` what the local lanes need; the bytes of weights that are still to be fetched.

    Args:
        prompts: what will be asked, None where that is not known.
        thorough: load the tokenizers too and look at the prompts as the models will see them, which takes seconds.
        day: what the run tells a chat template that asks for the date, see `first_day`; None is today.
        ask_hub: what the Hub says of a repository, unless it is the Hub itself that is asked.
    """
    from harness.local.checks.inspection import inspect_model  # noqa: PLC0415 - only where there are any
    from harness.local.checks.remote import ask_the_hub  # noqa: PLC0415

    here = [lane for lane in lanes if lane.variant.provider is ProviderType.LOCAL and not is_on_cluster(lane.model)]
    sharers = _by_spec(here, day, report)
    inspections = {spec: inspect_model(spec, ask_hub=ask_hub or ask_the_hub) for spec in sharers}
    placed, missing = _place(inspections, report)
    samples = _samples(prompts) if thorough and prompts is not None else []
    for spec, inspection in inspections.items():
        report.findings += inspection.findings
        if not inspection.is_usable:
            continue
        there = placed[spec]
        report.findings += _extras(there, inspection)
        row = _look(there, inspection, sharers[spec], samples, report, thorough=thorough)
        if there.device not in missing:
            _weigh(there, inspection, row, report)
    return sum({(spec.source, spec.revision): found.fetch_bytes for spec, found in inspections.items()}.values())


def first_day(folder: Path) -> str:
    """The day on which the run in `folder` began, today where it has yet to: ISO 8601, in UTC as in its manifest."""
    try:
        manifest = Manifest.read(folder)
    except UsageError:  # found again, and told, where the folder is looked at
        manifest = None
    return manifest.created_at[:10] if manifest else datetime.now(UTC).date().isoformat()


def _place(
    inspections: Mapping[LocalModelSpec, Inspection], report: Report
) -> tuple[dict[LocalModelSpec, LocalModelSpec], set[str]]:
    """Every model with the device that it goes to, as a run will have it, and the devices that are not there."""
    from harness.local.checks.inspection import inspect_device, without_package  # noqa: PLC0415
    from harness.local.placement import auto_devices, place  # noqa: PLC0415

    try:
        choices = auto_devices(inspections)
    except ImportError as exc:
        report.add(Level.PROBLEM, "device", without_package(exc))
        choices = ("cpu",)
    placed = place(inspections, choices, lambda spec: inspections[spec].weight_bytes)
    chosen = {there.device for spec, there in placed.items() if spec.device == "auto"}
    findings = {}
    for device in dict.fromkeys(there.device for there in placed.values()):
        names = [spec.model_name for spec, there in placed.items() if there.device == device]
        findings[device] = inspect_device(device, names, chosen=device in chosen)
    report.findings += findings.values()
    return placed, {device for device, found in findings.items() if found.level is Level.PROBLEM}


def _extras(spec: LocalModelSpec, inspection: Inspection) -> list[Finding]:
    from harness.local.checks.extras import lacking  # noqa: PLC0415
    from harness.local.weights import read_json  # noqa: PLC0415

    config = read_json(inspection.folder / "config.json") if inspection.folder else {}
    return lacking(spec, spec.device.partition(":")[0], config)


def _by_spec(lanes: Sequence[LaneConfig], day: str | None, report: Report) -> dict[LocalModelSpec, list[LaneConfig]]:
    """The lanes that share a load of weights."""
    found: dict[LocalModelSpec, list[LaneConfig]] = {}
    for lane in lanes:
        try:
            found.setdefault(local_spec(lane.model, day), []).append(lane)
        except ConfigError as error:
            report.add(Level.PROBLEM, "local", str(error))
    return found


def _look(
    spec: LocalModelSpec,
    inspection: Inspection,
    lanes: Sequence[LaneConfig],
    samples: Sequence[Prompt],
    report: Report,
    *,
    thorough: bool,
) -> int:
    """Look at the prompts as the model will see them; how many numbers the longest answer keeps, 0 if not known."""
    from harness.local.capacity import cached_numbers  # noqa: PLC0415
    from harness.local.checks.inspection import inspect_template  # noqa: PLC0415

    if inspection.folder is None:
        return 0
    if not thorough:
        report.findings += inspect_template(spec, inspection.folder)
        return 0
    from harness.local.checks.preview import load_tokenizer, preview  # noqa: PLC0415

    try:
        loaded = load_tokenizer(spec, inspection.folder)
    except LaneError as error:
        report.add(Level.PROBLEM, "local", error.message)
        return 0
    tokens = 0
    for lane in _distinct(lanes):
        requests = list(_requests(lane, samples))
        if requests:
            seen = preview(loaded, lane.model.label or lane.model.name, requests)
            report.findings += seen.findings
            tokens = max(tokens, seen.longest + lane.variant.sampling.max_tokens)
    return tokens * cached_numbers(loaded.config)


def _weigh(spec: LocalModelSpec, inspection: Inspection, numbers: int, report: Report) -> None:
    from harness.local.capacity import main_memory, room_on  # noqa: PLC0415
    from harness.local.checks import memory  # noqa: PLC0415

    kind, room = room_on(spec.device)
    if room is None or not inspection.parameters:
        return
    load = memory.load_of(inspection.parameters, spec, kind, numbers)
    report.findings.append(memory.judge(spec.model_name, load, room))
    if kind == "cuda":
        passage = memory.judge_passage(spec.model_name, load, main_memory())
        report.findings += [passage] if passage else []


def _distinct(lanes: Sequence[LaneConfig]) -> Iterator[LaneConfig]:
    """Of lanes that differ in their sampling alone, the first: their prompts read the same."""
    seen = set()
    for lane in lanes:
        variant = lane.variant
        kwargs = json.dumps(dict(variant.chat_template_kwargs), sort_keys=True, default=repr)
        key = (kwargs, variant.template_date, variant.system, variant.sampling.max_tokens)
        if key not in seen:
            seen.add(key)
            yield lane


def _requests(lane: LaneConfig, samples: Sequence[Prompt]) -> Iterator[Request]:
    return islice(requests_for(lane.variant, lane.seed, samples), 0, None, lane.variant.repeats)


def _samples(prompts: Iterable[Prompt]) -> list[Prompt]:
    """The first prompt, the first with a system text, the first conversation, and the longest ones."""
    kinds: dict[str, Prompt] = {}

    def noted() -> Iterator[Prompt]:
        for prompt in prompts:
            kinds.setdefault("first", prompt)
            if prompt.system is not None:
                kinds.setdefault("system", prompt)
            if prompt.messages is not None:
                kinds.setdefault("conversation", prompt)
            yield prompt

    longest = heapq.nlargest(_COUNTED, noted(), key=_size)
    return list({prompt.id: prompt for prompt in (*kinds.values(), *longest)}.values())


def _size(prompt: Prompt) -> int:
    turns = [prompt.text] if prompt.messages is None else [turn.content for turn in prompt.messages]
    return sum(len(text.encode("utf-8", "surrogatepass")) for text in (*turns, prompt.system or ""))
