"""The methods section of a paper about a run, as far as its files tell: each number is computed, nothing is guessed.

A sentence whose facts are missing is left out. Reads no file.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from harness.analysis.labels import disagreements
from harness.analysis.pack.facts import RUNTIME
from harness.analysis.pack.origins import left_out, parts, reused
from harness.analysis.pack.phrases import are, between, days, either, listed, were
from harness.snapshot import Outcome
from harness.wording import counted

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from harness.analysis.labels import Annotations
    from harness.analysis.pack.facts import RunFacts, VariantFacts
    from harness.analysis.rubric import Rubric

_PROBE = {False: "real", True: "synthetic", None: "not marked as either"}


@dataclass(frozen=True, slots=True)
class Labelled:
    """What people decided.

    Args:
        training: items that coders practised on.
    """

    annotations: Annotations
    rubric: Rubric
    training: frozenset[str]


def methods(facts: RunFacts, manifest: Mapping[str, Any], labelled: Labelled | None, scored: int) -> str:
    """The text, in Markdown: paragraphs and a table of the models.

    Args:
        manifest: run.json.
        scored: answers that heuristics marked.
    """
    paragraphs = [
        "# Methods",
        "Generated from the files beside it; every number is computed from them.",
        _simulated(facts),
        _prompts(facts, manifest),
        _sampling(facts, manifest),
        _table(facts.variants),
        _outcomes(facts, manifest),
        parts(manifest),
        reused(facts),
        _logprobs(facts, manifest),
        _local(facts),
        _labels(labelled),
        f"Heuristic marks of {counted(scored, 'answer')} are in scores.jsonl. They are no labels." if scored else "",
        _versions(manifest),
    ]
    return "\n\n".join(filter(None, paragraphs)) + "\n"


def _simulated(facts: RunFacts) -> str:
    simulated = sum(one.simulated for one in facts.variants)
    answers = sum(one.answers for one in facts.variants)
    if not simulated:
        return ""
    return (
        f"**{simulated} of {counted(answers, 'answer')} {are(simulated)} simulated: made by a stand-in and not by the "
        "model named. They are no data; no rate may count them.**"
    )


def _prompts(facts: RunFacts, manifest: Mapping[str, Any]) -> str:
    models = {(one.provider, one.model) for one in facts.variants}
    repeats = {len(one.repeats) for one in facts.variants}
    often = "" if len(repeats) > 1 else " once each" if repeats == {1} else f" {repeats.pop()} times each"
    text = (
        f"{counted(len(facts.prompts), 'prompt')} {were(len(facts.prompts))} put to {counted(len(models), 'model')} in "
        f"{counted(len(facts.variants), 'variant')} (a model with its sampling parameters){often}."
    )
    probes = Counter(probe for _, probe in facts.prompts.values())
    if probes.keys() - {None}:
        text += f" Of the prompts, {listed(f'{probes[one]} are {_PROBE[one]}' for one in _PROBE if probes[one])}."
    categories = Counter(category for category, _ in facts.prompts.values())
    if categories.keys() - {None}:
        told = (
            f"{name or 'none'} ({count})" for name, count in sorted(categories.items(), key=lambda one: str(one[0]))
        )
        text += f" By category: {', '.join(told)}."
    if manifest["prompts"].get("sha256"):
        text += f" The prompt file's SHA-256 is {manifest['prompts']['sha256']}."
    dates = [day for one in facts.variants for day in (one.first, one.last) if day is not None]
    return text + (f" Answers were collected {between(min(dates), max(dates))} (UTC)." if dates else "")


def _sampling(facts: RunFacts, manifest: Mapping[str, Any]) -> str:
    seeds = {int(one["run_seed"]) for one in manifest["variants"].values() if one.get("run_seed") is not None}
    seeded = sorted({one.model for one in facts.variants if one.seeded})
    unseeded = sorted({one.model for one in facts.variants if one.answers and not one.seeded})
    sentences = []
    if seeds and seeded:
        sentences.append(
            f"The run's seed was {listed(map(str, sorted(seeds)))}; each item's own seed is a hash of it, the prompt's "
            f"id and the repeat, the same for every model, and was sent to {listed(seeded)}."
        )
    if unseeded:
        sentences.append(f"No seed was sent to {listed(unseeded)}.")
    told = [one.name for one in facts.variants if one.systems]
    if told:
        texts = {text for one in facts.variants for text in one.systems}
        sentences.append(f"A system prompt ({counted(len(texts), 'text')} in all) was in force for {listed(told)}.")
    return " ".join(sentences)


def _table(variants: Sequence[VariantFacts]) -> str:
    head = "| variant | provider | served as | days (UTC) | parameters sent | answers | refused | truncated | failed |"
    rows = [
        [
            one.name,
            one.provider,
            ", ".join(one.versions),
            "" if one.first is None or one.last is None else days(one.first, one.last),
            ", ".join(f"{name} {' or '.join(values)}" for name, values in one.parameters.items()),
            *map(
                str,
                (one.answers, *(one.outcomes[what] for what in (Outcome.REFUSED, Outcome.TRUNCATED, Outcome.FAILED))),
            ),
        ]
        for one in variants
    ]
    lines = ["| " + " | ".join(cell.replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows]
    return "\n".join([head, "|" + "---|" * 9, *lines])


def _outcomes(facts: RunFacts, manifest: Mapping[str, Any]) -> str:
    answers, failed = sum(one.answers for one in facts.variants), facts.count(Outcome.FAILED)
    refused, truncated = facts.count(Outcome.REFUSED), facts.count(Outcome.TRUNCATED)
    text = (
        f"Of {counted(facts.items, 'item')} (a prompt for a variant), {answers} have an answer, of which {refused} "
        f"{were(refused)} refused or blocked and {truncated} {were(truncated)} cut off at the token limit; all of "
        "these are kept."
    )
    planned = sum(
        (manifest.get("items") or {}).get(name, manifest["prompts"].get("count", 0) * one.get("repeats", 1))
        for name, one in manifest["variants"].items()
    )
    if planned > facts.items:
        text += f" {planned - facts.items} of {planned} planned items have not been asked."
    excluded = [f"{counted(failed, 'item')} without an answer after all attempts"] if failed else []
    second = facts.duplicates + left_out(manifest)
    excluded += [f"{counted(second, 'second answer')} to an item (the first counts)"] if second else []
    text += f" Excluded: {listed(excluded)}." if excluded else " Nothing was excluded."
    retried, attempts = (sum(getattr(one, name) for one in facts.variants) for name in ("retried", "attempts"))
    return text + (f" {counted(retried, 'item')} took more than one attempt ({attempts} in all)." if retried else "")


def _logprobs(facts: RunFacts, manifest: Mapping[str, Any]) -> str:
    told: dict[str, list[str]] = defaultdict(list)
    for one in facts.variants:
        if not one.logprobs:
            continue
        spec = manifest["variants"].get(one.name, {}).get("logprobs") or {}
        top = f" with the top {int(spec['top'])}" if spec.get("top") else ""
        limit = spec.get("positions")
        where = f"the first {int(limit)} positions at most" if limit else "all positions"
        of = listed(f"{what} ({count})" if len(one.logprobs) > 1 else what for what, count in one.logprobs.items())
        told[f"{where}{top}, of {of}"].append(f"{one.name} ({counted(one.logprobs.total(), 'answer')})")
    if not told:
        return ""
    kinds = "`scores` are after temperature and warpers, `logits` before, `provider` as the API gives them"
    return f"Token logprobs were recorded ({kinds}): {_grouped(told)}."


def _local(facts: RunFacts) -> str:
    told: dict[str, list[str]] = defaultdict(list)
    for one in facts.variants:
        for runtime in one.runtimes:
            values = (f"{name} {value}" for name, value in zip(RUNTIME, runtime, strict=True) if value is not None)
            told[", ".join(values)].append(one.name)
    return f"Local models were computed so: {_grouped(told)}." if told else ""


def _grouped(told: Mapping[str, Sequence[str]]) -> str:
    return "; ".join(f"{listed(names)}: {what}" for what, names in told.items())


def _labels(labelled: Labelled | None) -> str:
    if labelled is None or not labelled.annotations.acts:
        return ""
    every = labelled.annotations.coded()
    coded = {item: by_coder for item, by_coder in every.items() if item not in labelled.training}
    shared = sum(len(by_coder) > 1 for by_coder in coded.values())
    people = counted(len(labelled.annotations.coders), "coder")
    text = (
        f"{people} labelled {counted(len(coded), 'answer')} with the rubric {labelled.rubric.name} "
        f"({labelled.rubric.digest}); {shared} {were(shared)} labelled by at least two."
    )
    if practised := len(every) - len(coded):
        text += f" {counted(practised, 'more answer')} {were(practised)} labelled for training and left out."
    differ = {item for item in disagreements(labelled.annotations, labelled.rubric) if item in coded}
    decided = {item for item in labelled.annotations.adjudicated() if item not in labelled.training}
    if differ:
        text += f" Coders differ on {counted(len(differ), 'answer')}."
    if decided:
        judges = {act.coder for act in labelled.annotations.latest("adjudicator").values() if act.state == "labelled"}
        by = counted(len(judges), "person", "people")
        text += f" {counted(len(decided), 'answer')} {were(len(decided))} adjudicated by {by}."
    if undecided := len(differ - decided):
        text += f" {undecided} of those on which coders differ {are(undecided)} not decided."
    return text


def _versions(manifest: Mapping[str, Any]) -> str:
    invocations = manifest["invocations"]
    told = [
        f"{name} {either(one.get(key) for one in invocations)}" for name, key in _MADE_WITH if _has(invocations, key)
    ]
    names = sorted({name for one in invocations for name in one.get("packages") or {}})
    packages = [f"{name} {either((one.get('packages') or {}).get(name) for one in invocations)}" for name in names]
    if not told:
        return ""
    text = f"The run took {counted(len(invocations), 'invocation')} of {listed(told)}."
    return text + (f" Packages: {', '.join(packages)}." if packages else "")


_MADE_WITH = (("llm-pilot-harness", "harness"), ("Python", "python"), ("the platform", "platform"))


def _has(invocations: Sequence[Mapping[str, Any]], key: str) -> bool:
    return any(one.get(key) for one in invocations)
