"""Draws candidates for the benchmark's fictions: CVE ids nobody assigned and malware names nobody gave.

It knows nothing about the world: a candidate becomes a probe only after it was looked up and found absent, and the
row in `facts/` says how. `python prompts/invent.py` prints candidates; the same seed prints the same ones.
"""

from __future__ import annotations

import argparse
import csv
import itertools
import random
import re
import sys
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Sequence

SEED = 20251
FACTS = Path(__file__).parent / "facts"

CVE_YEARS = range(2015, 2022)
CVE_NUMBERS = range(70_000, 100_000)
MIN_EDIT_DISTANCE = 3
NAME_LENGTHS = range(6, 10)
MAX_MISSES = 1_000

_REPEAT = re.compile(r"(\d)\1\1|000$")
_ASCENDING = "0123456789"


def cve_form_problem(cve_id: str) -> str | None:
    """What keeps `cve_id` from being a probe by its form alone, or None when nothing does.

    These years are closed and the CVE List is empty in the blocks looked up from 70000 on, so that late publication
    will not make a probe real. Repdigits and runs are left out because such ids look made up.
    """
    match = re.fullmatch(r"CVE-(\d{4})-(\d{5})", cve_id)
    if match is None:
        return f"{cve_id} does not have a four-digit year and a five-digit number."
    year, digits = int(match[1]), match[2]
    if year not in CVE_YEARS:
        return f"{cve_id} is not of the years {CVE_YEARS.start} to {CVE_YEARS.stop - 1}."
    if int(digits) not in CVE_NUMBERS:
        return f"{cve_id} is outside {CVE_NUMBERS.start} to {CVE_NUMBERS.stop - 1}."
    windows = [digits[i : i + 3] for i in range(3)]
    if _REPEAT.search(digits) or any(w in _ASCENDING or w[::-1] in _ASCENDING for w in windows):
        return f"{cve_id} holds a repeated digit or a run and looks made up."
    return None


def edit_distance(left: str, right: str) -> int:
    """Levenshtein distance: insertions, deletions and substitutions each count 1."""
    previous = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        current = [i]
        for j, b in enumerate(right, start=1):
            current.append(min(previous[j] + 1, current[-1] + 1, previous[j - 1] + (a != b)))
        previous = current
    return previous[-1]


def nearest(name: str, known: Collection[str]) -> tuple[int, str]:
    """The smallest edit distance, letter case ignored, from `name` to one of `known`, and that one.

    Raises ValueError when `known` is empty.
    """

    def length_gap(other: str) -> int:
        return abs(len(other) - len(name))

    best = (sys.maxsize, "")
    for other in sorted(known, key=length_gap):
        # A distance is at least the difference of the lengths, so the rest cannot come closer.
        if length_gap(other) > best[0]:
            break
        best = min(best, (edit_distance(name.casefold(), other.casefold()), other))
    if not best[1]:
        raise ValueError("There is no known name to compare with; is facts/attack_names.csv empty?")
    return best


def cve_candidates(seed: int = SEED) -> Iterator[str]:
    """Well-formed ids without end, years in turn so that a prefix covers them all."""
    rng = random.Random(seed)
    for year in itertools.cycle(CVE_YEARS):
        number = CVE_NUMBERS[int(rng.random() * len(CVE_NUMBERS))]
        cve_id = f"CVE-{year}-{number}"
        if cve_form_problem(cve_id) is None:
            yield cve_id


def name_candidates(known: Collection[str], seed: int = SEED) -> Iterator[str]:
    """Pseudo-words without end, spelled with the letter statistics of the one-word names in `known`.

    Each follows the habits of real malware names, which a list of syllables does not, and keeps
    `MIN_EDIT_DISTANCE` from every known name. Raises ValueError when `known` is too small to spell anything new.
    """
    rng = random.Random(seed)
    followers = _letter_followers(name for name in known if name.isascii() and name.isalpha())
    seen: set[str] = set()
    misses = 0
    while misses < MAX_MISSES:
        word = _spell(followers, rng)
        misses += 1
        if len(word) not in NAME_LENGTHS or word in seen:
            continue
        seen.add(word)
        if nearest(word, known)[0] >= MIN_EDIT_DISTANCE:
            yield word.capitalize()
            misses = 0
    raise ValueError(f"{MAX_MISSES} words in a row were no candidates; give more known names to spell from.")


def known_names() -> list[str]:
    """Every name and alias of ATT&CK's software, groups and campaigns kept in `facts/attack_names.csv`."""
    with (FACTS / "attack_names.csv").open(encoding="utf-8", newline="") as file:
        return [row["name"] for row in csv.DictReader(file)]


def _letter_followers(names: Iterable[str]) -> dict[str, list[str]]:
    followers: defaultdict[str, list[str]] = defaultdict(list)
    for name in names:
        word = f"^^{name.casefold()}$"
        for i in range(len(word) - 2):
            followers[word[i : i + 2]].append(word[i + 2])
    return dict(followers)


def _spell(followers: dict[str, list[str]], rng: random.Random) -> str:
    word = "^^"
    while not word.endswith("$"):
        choices = followers[word[-2:]]
        word += choices[int(rng.random() * len(choices))]
    return word.strip("^$")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description="Print candidates for probes; look each up before using it.")
    parser.add_argument("kind", choices=("cve", "name"))
    parser.add_argument("--count", type=int, default=20)
    parser.add_argument("--seed", type=int, default=SEED)
    options = parser.parse_args(arguments)
    names = known_names()
    candidates = cve_candidates(options.seed) if options.kind == "cve" else name_candidates(names, options.seed)
    for candidate in itertools.islice(candidates, options.count):
        print(candidate if options.kind == "cve" else f"{candidate}\t{nearest(candidate, names)}")


if __name__ == "__main__":
    main()
