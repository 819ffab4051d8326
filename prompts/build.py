"""Builds hallu-sec.json from the tables of facts, the templates and the plan, byte for byte the same each time.

It knows nothing about models or scoring, and it adds no fact: every name, id and date comes from `facts/*.csv`, every
sentence from `templates.toml`, and `plan.csv` says which entity is asked about with which template.

    python prompts/build.py            writes prompts/hallu-sec.json
    python prompts/build.py --check    exits 1 when the file on disk is not what the tables say
"""

from __future__ import annotations

import argparse
import csv
import hashlib
import json
import sys
import tomllib
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
OUTPUT = HERE / "hallu-sec.json"
MAX_PROMPTS_PER_ENTITY = 2

Row = Mapping[str, str]


class BuildError(Exception):
    """The tables do not fit together; the sentence says where and what to change."""


@dataclass(frozen=True, slots=True)
class Item:
    """One prompt before it has its place in the file and hence its id."""

    category: str
    template: str
    entity: str
    record: Mapping[str, Any]

    @property
    def is_probe(self) -> bool:
        return bool(self.record["is_synthetic_probe"])


@dataclass(frozen=True, slots=True)
class Tables:
    """What the benchmark is made of, as read from disk."""

    wording: Mapping[str, Any]
    facts: Mapping[str, Mapping[str, Row]]  # table name -> entity -> row
    editions: Mapping[str, Row]  # what ids of a framework begin with -> what the closed edition has of them
    plan: Sequence[Row]

    @classmethod
    def read(cls, folder: Path) -> Tables:
        wording = tomllib.loads((folder / "templates.toml").read_text(encoding="utf-8"))
        facts = {name: _read_facts(folder / "facts" / f"{name}.csv") for name in wording["tables"]}
        editions = {row["prefix"]: row for row in _read_csv(folder / "facts" / "editions.csv")}
        return cls(wording=wording, facts=facts, editions=editions, plan=_read_csv(folder / "plan.csv"))

    def row(self, template: str, entity: str, *, exists: bool) -> Row:
        """The fact `template` is about; raises BuildError when it is not there or says the opposite of `exists`."""
        if template not in self.wording["templates"]:
            raise BuildError(f"plan.csv names the template {template!r}; add it to templates.toml or correct the plan.")
        table = self.wording["templates"][template]["table"]
        if entity not in self.facts[table]:
            raise BuildError(f"plan.csv asks {template} about {entity!r}; add a row for it to facts/{table}.csv.")
        row = self.facts[table][entity]
        if row["exists"] != str(exists).lower():
            column = "grounded" if exists else "probe"
            raise BuildError(f"{entity!r} is a {column} entity in plan.csv, but its fact says exists={row['exists']}.")
        return row


def build(folder: Path = HERE) -> dict[str, Any]:
    """The benchmark as it is written: `{"metadata": …, "prompts": […]}`.

    Raises BuildError when a template, an entity or a field is missing, or an entity serves too many prompts.
    """
    tables = Tables.read(folder)
    items = list(_items(tables))
    for entity, count in Counter(item.entity for item in items).items():
        if count > MAX_PROMPTS_PER_ENTITY:
            raise BuildError(f"{entity} serves {count} prompts; plan.csv may name it {MAX_PROMPTS_PER_ENTITY} times.")
    benchmark = tables.wording["benchmark"]
    ordered = _interleave(items, benchmark["categories"], benchmark["seed"])
    prompts = [{"id": f"prompt_{number:04d}", **item.record} for number, item in enumerate(ordered, start=1)]
    return {"metadata": _metadata(tables.wording, ordered), "prompts": prompts}


def render(benchmark: Mapping[str, Any]) -> bytes:
    """The file's bytes: UTF-8, two spaces of indentation, keys in the order they were given, one newline at the end."""
    return (json.dumps(benchmark, ensure_ascii=False, indent=2) + "\n").encode()


def _items(tables: Tables) -> Iterator[Item]:
    pairs = 0
    for line in tables.plan:
        grounded = tables.row(line["template"], line["grounded"], exists=True)
        if not line["probe"]:
            yield _item(tables.wording, line["template"], grounded, grounded, pair_id=None)
            continue
        pairs += 1
        pair_id = f"pair_{pairs:03d}"
        probe = tables.row(line["template"], line["probe"], exists=False)
        # What a probe leaves open (the product it is said to be in) is its partner's: a minimal pair differs in
        # the entity alone.
        filled = {**grounded, **{key: value for key, value in probe.items() if value}}
        yield _item(tables.wording, line["template"], grounded, grounded, pair_id=pair_id)
        yield _item(tables.wording, line["template"], probe, filled, pair_id=pair_id)


def _item(wording: Mapping[str, Any], template_name: str, row: Row, fields: Row, *, pair_id: str | None) -> Item:
    template = wording["templates"][template_name]
    table = wording["tables"][template["table"]]
    exists = row["exists"] == "true"

    def say(text: str) -> str:
        try:
            return text.format_map({key: value.replace("|", ", ") for key, value in fields.items() if value})
        except KeyError as missing:
            place = f"facts/{template['table']}.csv, row {row['entity']}"
            raise BuildError(f"{place}: {template_name} needs the field {missing}; fill it in or reword.") from None

    record = {
        "category": template["category"],
        "prompt": say(template["text"]),
        "is_synthetic_probe": not exists,
        "gold_label": {"exists": exists, "description": say(table["exists" if exists else "absent"])},
        "gold_refs": row["source_url"].split("|"),
        "template": template_name,
        "entity": row["entity"],
        "pair_id": pair_id,
        "probe_type": None if exists else table["probe_type"],
        "why_fictitious": row["why_fictitious"] or None,
        "source": f"{row['source']}; {row['snapshot']}; verified {row['verified']}",
        "gold_points": [
            fact for point in (template["points"] if exists else table["absent_points"]) for fact in _atoms(say(point))
        ],
    }
    return Item(template["category"], template_name, row["entity"], record)


def _atoms(point: str) -> list[str]:
    """A sentence of two clauses as two sentences: a gold point is one fact."""
    clauses = point.removesuffix(".").split("; ")
    return [f"{clause[0].upper()}{clause[1:]}." for clause in clauses]


def _interleave(items: Sequence[Item], categories: Sequence[str], seed: str) -> list[Item]:
    """One item of each category in turn, probes spread evenly, so that the first N are a fair sample of the whole."""
    queues = [
        _spread([item for item in items if item.category == category], index / len(categories), seed)
        for index, category in enumerate(categories)
    ]
    rounds = max(map(len, queues))
    return [queue[turn] for turn in range(rounds) for queue in queues if turn < len(queue)]


def _spread(items: Sequence[Item], offset: float, seed: str) -> list[Item]:
    """One category in a seeded order, probes at even distances; `offset` (0 to 1) says how early the first comes."""

    def rank(item: Item) -> bytes:
        return hashlib.blake2b(f"{seed}/{item.template}/{item.entity}".encode()).digest()

    probes = sorted((item for item in items if item.is_probe), key=rank)
    grounded = sorted((item for item in items if not item.is_probe), key=rank)
    share = len(probes) / len(items)
    ordered: list[Item] = []
    due = offset
    for _ in items:
        due += share
        if (due >= 1 and probes) or not grounded:
            ordered.append(probes.pop(0))
            due -= 1
        else:
            ordered.append(grounded.pop(0))
    return ordered


def _metadata(wording: Mapping[str, Any], items: Sequence[Item]) -> dict[str, Any]:
    benchmark = wording["benchmark"]
    return {
        "name": benchmark["name"],
        "version": benchmark["version"],
        "description": benchmark["description"],
        "canary": benchmark["canary"],
        "total_prompts": len(items),
        "synthetic_probes": sum(item.is_probe for item in items),
        "categories": {
            category: {
                "prompts": sum(item.category == category for item in items),
                "synthetic_probes": sum(item.category == category and item.is_probe for item in items),
                "templates": len({item.template for item in items if item.category == category}),
            }
            for category in benchmark["categories"]
        },
        "sources": wording["sources"],
    }


def _read_facts(path: Path) -> dict[str, Row]:
    rows: dict[str, Row] = {}
    for row in _read_csv(path):
        if row["entity"] in rows:
            raise BuildError(f"{path.name} has {row['entity']} twice; keep one row.")
        rows[row["entity"]] = row
    return rows


def _read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file, strict=True))


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Build the benchmark from its tables.")
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 when the file differs")
    options = parser.parse_args(arguments)
    try:
        content = render(build())
    except BuildError as error:
        print(error, file=sys.stderr)
        return 2
    if not options.check:
        OUTPUT.write_bytes(content)
        return 0
    if OUTPUT.exists() and OUTPUT.read_bytes() == content:
        return 0
    print(f"{OUTPUT} is not what the tables say; run python prompts/build.py to write it anew.", file=sys.stderr)
    return 1


if __name__ == "__main__":
    sys.exit(main())
