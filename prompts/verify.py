"""Checks that the benchmark keeps its promises, on the file as it is shipped, and rechecks what exists outside.

    python prompts/verify.py [FILE]                        hallu-sec.json by default
    python prompts/verify.py --cve-list ../cvelistV5       are the CVE ids still what the gold labels say?
    python prompts/verify.py --attack enterprise-attack.json   likewise for malware names and technique ids (names only)

Exit codes: 0 all kept; 1 a promise is broken, a probe became real, or a real entity is gone; 2 wrong usage.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import checks
import form
import safety
from build import HERE, OUTPUT, BuildError, Tables, build, render
from outside import Attack, CveList, OutsideError
from recheck import recheck_attack, recheck_cves

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def problems(content: bytes, folder: Path = HERE) -> Iterator[str]:
    """Every promise that the file with these bytes breaks, as a sentence.

    Args:
        folder: where the tables are.
    """
    try:
        benchmark = json.loads(content)
        prompts = benchmark["prompts"]
    except (ValueError, KeyError, TypeError) as error:
        yield f"the file has not the form of a benchmark ({error!r})."
        return
    broken = list(form.rows(prompts))
    if broken:
        yield from broken
        return
    yield from checks.shape(benchmark)
    tables = Tables.read(folder)
    for check in (checks.labels, checks.balance, safety.safety, checks.spread):
        yield from check(prompts)
    yield from checks.facts(tables)
    yield from checks.fictions(prompts, tables)
    yield from _differences(content, prompts, folder)


def readable_prompts(content: bytes) -> list[dict[str, Any]]:
    """The prompts of the file with these bytes; none where it has not the form of a benchmark."""
    try:
        prompts: list[dict[str, Any]] = json.loads(content)["prompts"]
    except (ValueError, KeyError, TypeError):
        return []
    return [] if list(form.rows(prompts)) else prompts


def _differences(content: bytes, prompts: Sequence[dict[str, Any]], folder: Path) -> Iterator[str]:
    """What the file says otherwise than the tables do."""
    built = build(folder)
    if render(built) == content:
        return
    named = False
    for mine, theirs in zip(prompts, built["prompts"], strict=False):
        for field, value in theirs.items():
            if mine.get(field) != value:
                named = True
                yield f"{theirs['id']}: {field} is not what the tables say: {mine.get(field)!r} instead of {value!r}."
    if not named:
        yield "the file is not, byte for byte, what the tables say; run python prompts/build.py."


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Check the benchmark's promises.")
    parser.add_argument("file", nargs="?", type=Path, default=OUTPUT, help="a benchmark; hallu-sec.json by default")
    parser.add_argument("--cve-list", type=Path, metavar="DIR", help="a copy of CVEProject/cvelistV5")
    parser.add_argument("--attack", type=Path, metavar="FILE", help="enterprise-attack.json of mitre/cti, or a table")
    options = parser.parse_args(arguments)
    try:
        content = options.file.read_bytes()
        found = list(problems(content))
        prompts = readable_prompts(content)
        rechecks = []
        if options.cve_list:
            rechecks.append(recheck_cves(prompts, CveList.open(options.cve_list)))
        if options.attack:
            rechecks.append(recheck_attack(prompts, Attack.read(options.attack)))
    except (OutsideError, BuildError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    for recheck in rechecks:
        found += recheck.problems
        print(recheck.coverage, file=sys.stderr)
    for problem in found:
        print(problem)
    print(f"{options.file}: {len(prompts)} prompts, {len(found)} problem(s).", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
