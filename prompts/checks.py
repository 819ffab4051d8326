"""What the benchmark file promises, each promise a function that yields a sentence for every place it is broken.

Nothing here looks outside `prompts/`. `verify.py` runs all of it.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from datetime import date
from itertools import pairwise
from typing import TYPE_CHECKING, Any

import invent

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from build import Tables

Prompt = dict[str, Any]

COUNTS = {
    # category: grounded, probes
    "cve_existence": (50, 29),
    "vulnerability_summary": (50, 29),
    "malware_description": (50, 29),
    "secure_configuration": (50, 29),
    "pentest_reporting": (50, 27),
}
PROBE_TYPES = {"nonexistent_id", "nonexistent_name", "nonexistent_directive"}
MIN_TEMPLATES = 4
MAX_PROMPTS_PER_ENTITY = 2
MAX_LENGTH_GAP = 3
PROBE_SHARE = (0.30, 0.42)

_CVE = re.compile(r"CVE-\d{4}-\d{4,}")
_DAY = re.compile(r"verified (\d{4}-\d{2}-\d{2})$")


def shape(benchmark: Mapping[str, Any]) -> Iterator[str]:
    """The form of the file: its order and its numbers."""
    prompts: list[Prompt] = benchmark["prompts"]
    for number, prompt in enumerate(prompts, start=1):
        if prompt["id"] != f"prompt_{number:04d}":
            yield f"{prompt['id']} stands in place {number}; ids count up."
    counted = Counter((prompt["category"], prompt["is_synthetic_probe"]) for prompt in prompts)
    for category, (grounded, probes) in COUNTS.items():
        found = (counted.pop((category, False), 0), counted.pop((category, True), 0))
        if found != (grounded, probes):
            has = f"{category} has {found[0]} grounded prompts and {found[1]} probes"
            yield f"{has}; it must have {grounded} and {probes}."
    yield from (f"{category} is no category of the benchmark." for category, _ in counted)
    metadata = benchmark.get("metadata")
    facts = metadata if isinstance(metadata, dict) else {}
    probes = sum(prompt["is_synthetic_probe"] for prompt in prompts)
    for key, value in (("total_prompts", len(prompts)), ("synthetic_probes", probes)):
        if facts.get(key) != value:
            yield f"metadata says {key} = {facts.get(key)}; it is {value}."
    for text, times in Counter(prompt["prompt"] for prompt in prompts).items():
        if times > 1:
            yield f"a prompt is asked {times} times: {text!r}."


def labels(prompts: Sequence[Prompt]) -> Iterator[str]:
    """What each prompt says of its own truth, and where that was read."""
    for prompt in prompts:
        for problem in (*_truth(prompt), *_sources(prompt), *_entities(prompt)):
            yield f"{prompt['id']}: {problem}"


def _truth(prompt: Prompt) -> Iterator[str]:
    is_probe, gold = prompt["is_synthetic_probe"], prompt["gold_label"]
    if gold["exists"] is is_probe:
        yield f"it is {'a probe' if is_probe else 'grounded'} and its gold label says exists = {gold['exists']}."
    if not gold["description"].endswith(".") or prompt["entity"] not in gold["description"]:
        yield f"its gold label is no sentence about {prompt['entity']}."
    if prompt["probe_type"] not in (PROBE_TYPES if is_probe else {None}):
        yield f"it has the probe_type {prompt['probe_type']}."
    if bool(prompt["why_fictitious"]) is not is_probe:
        yield "why_fictitious belongs to every probe and to nothing else."


def _sources(prompt: Prompt) -> Iterator[str]:
    if not prompt["gold_points"] or not all(point.endswith(".") for point in prompt["gold_points"]):
        yield "gold_points must be sentences."
    if not prompt["gold_refs"] or not all(ref.startswith("https://") for ref in prompt["gold_refs"]):
        yield "gold_refs must be addresses."
    if not _is_day(found[1] if (found := _DAY.search(prompt["source"])) else ""):
        yield "its source must end with the day on which it was verified."


def _entities(prompt: Prompt) -> Iterator[str]:
    text = prompt["prompt"] + " ".join(prompt["gold_points"])
    if prompt["entity"] not in prompt["prompt"] or re.search(r"[{}]", text):
        yield f"it must name {prompt['entity']} and leave no placeholder."
    for other in set(_CVE.findall(text)) - {prompt["entity"]}:
        yield f"it names {other} beside its own entity."


def balance(prompts: Sequence[Prompt]) -> Iterator[str]:
    """Nothing but the entity tells a probe from a grounded prompt."""
    pairs: defaultdict[str, list[Prompt]] = defaultdict(list)
    by_template: defaultdict[tuple[str, str], list[bool]] = defaultdict(list)
    for prompt in prompts:
        by_template[prompt["category"], prompt["template"]].append(prompt["is_synthetic_probe"])
        if prompt["pair_id"] is not None:
            pairs[prompt["pair_id"]].append(prompt)
        elif prompt["is_synthetic_probe"]:
            yield f"{prompt['id']} is a probe without a partner."
    for pair_id, members in pairs.items():
        yield from (f"{pair_id}: {problem}" for problem in _pair(members))
    yield from _templates(by_template)
    for entity, count in Counter(prompt["entity"] for prompt in prompts).items():
        if count > MAX_PROMPTS_PER_ENTITY:
            yield f"{entity} serves {count} prompts; it may serve {MAX_PROMPTS_PER_ENTITY}."


def _templates(flags_of: Mapping[tuple[str, str], Sequence[bool]]) -> Iterator[str]:
    for (_, template), flags in flags_of.items():
        if not PROBE_SHARE[0] <= sum(flags) / len(flags) <= PROBE_SHARE[1]:
            yield f"{template} has {sum(flags)} probes among {len(flags)}; a template must not give them away."
    for category, count in Counter(category for category, _ in flags_of).items():
        if count < MIN_TEMPLATES:
            yield f"{category} has {count} templates; it needs {MIN_TEMPLATES}."


def _pair(members: Sequence[Prompt]) -> Iterator[str]:
    if sorted(prompt["is_synthetic_probe"] for prompt in members) != [False, True]:
        yield "it is no pair of a grounded prompt and a probe."
        return
    one, other = members
    if one["template"] != other["template"] or masked(one) != masked(other):
        yield f"{one['id']} and {other['id']} differ in more than the entity."
    if abs(len(one["entity"]) - len(other["entity"])) > MAX_LENGTH_GAP:
        yield f"{one['entity']} and {other['entity']} differ by more than {MAX_LENGTH_GAP} characters."
    years = {found[0][4:8] for prompt in members if (found := _CVE.match(prompt["entity"]))}
    if len(years) > 1:
        yield f"{one['entity']} and {other['entity']} are of different years."


def masked(prompt: Prompt) -> str:
    """The prompt with its entity hidden."""
    return prompt["prompt"].replace(prompt["entity"], "ENTITY")


def fictions(prompts: Sequence[Prompt], tables: Tables) -> Iterator[str]:
    """Probes follow the rules that keep them fictitious."""
    known = invent.known_names()
    real = {
        entity.casefold() for table in tables.facts.values() for entity, row in table.items() if row["exists"] == "true"
    }
    for prompt in prompts:
        entity, name = prompt["entity"], prompt["id"]
        if not prompt["is_synthetic_probe"]:
            if prompt["category"] == "malware_description" and entity not in known:
                yield f"{name}: {entity} is not among the names of ATT&CK."
            continue
        if entity.casefold() in real:
            yield f"{name}: {entity} is a real entity of the tables."
        if entity.startswith("CVE-") and (problem := invent.cve_form_problem(entity)):
            yield f"{name}: {problem}"
        if prompt["probe_type"] == "nonexistent_name":
            distance, neighbour = invent.nearest(entity, known)
            if distance < invent.MIN_EDIT_DISTANCE:
                yield f"{name}: {entity} is {distance} edits from {neighbour}; {invent.MIN_EDIT_DISTANCE} are needed."
        if prompt["category"] == "pentest_reporting" and not entity.startswith("CVE-"):
            yield from (f"{name}: {problem}" for problem in _within_edition(entity, tables))


def _within_edition(entity: str, tables: Tables) -> Iterator[str]:
    """An id is impossible where its group is in the named edition and its own number or value is not."""
    parts = re.fullmatch(r"(.*?[-.:]?)([A-Z]|\d+)", entity)
    group, last = parts.groups() if parts else (entity, "")
    edition = tables.editions.get(group)
    if edition is None:
        yield f"{entity}: facts/editions.csv has no row {group}, so that it cannot be told to be impossible."
    elif last in edition["values"].split("|") or (last.isdigit() and int(last) <= int(edition["last"] or 0)):
        yield f"{entity} is not impossible: facts/editions.csv has {group} {edition['last'] or edition['values']}."


def facts(tables: Tables) -> Iterator[str]:
    """Every row of the tables says where it was read and when it was read again."""
    for table, rows in tables.facts.items():
        for entity, row in rows.items():
            place = f"facts/{table}.csv, row {entity}"
            yield from _provenance(place, row)
            if not row["source"].strip():
                yield f"{place}: source is empty."
            if row["exists"] not in {"true", "false"}:
                yield f"{place}: exists must be true or false."
            if (row["exists"] == "false") is not bool(row["why_fictitious"]):
                yield f"{place}: why_fictitious belongs to what does not exist, and to nothing else."
    for prefix, row in tables.editions.items():
        place = f"facts/editions.csv, row {prefix}"
        yield from _provenance(place, row)
        if bool(row["last"]) is bool(row["values"]):
            yield f"{place}: give the last number or the values, one of them."


def _provenance(place: str, row: Mapping[str, str]) -> Iterator[str]:
    for column in ("source_url", "snapshot", "verification"):
        if not row[column].strip():
            yield f"{place}: {column} is empty."
    if not all(address.startswith("https://") for address in row["source_url"].split("|")):
        yield f"{place}: source_url must be an address."
    if not _is_day(row["verified"]):
        yield f"{place}: verified must be the day of the second reading, such as 2026-11-22."


def spread(prompts: Sequence[Prompt]) -> Iterator[str]:
    """The first N prompts are a fair part of the whole: categories take turns, and no run of probes is long."""
    for one, other in pairwise(prompts[: 5 * min(map(sum, COUNTS.values()))]):
        if one["category"] == other["category"]:
            yield f"{one['id']} and {other['id']} are both of {one['category']}; categories take turns."


def _is_day(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False
