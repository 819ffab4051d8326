"""What `harness verify` found, as a table, lines and plain values. Counts nothing."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from harness.terminal import visible

if TYPE_CHECKING:
    from rich.table import Table

    from harness.local.replay.comparison import Token
    from harness.verify_report import Counts, Outcome, Report

_KILO = 1000
_LONGEST_NAME = 48


def to_json(report: Report) -> dict[str, Any]:
    """The same as plain values: `folder`, `seed`, `variants`, `total`, `differing`, `not_comparable`."""
    return {
        "folder": str(report.folder),
        "seed": report.seed,
        "variants": [_counts_json(counts) for counts in report.variants],
        "total": _counts_json(report.total),
        "differing": [_difference_json(outcome) for outcome in report.differing],
        "not_comparable": [
            _item_json(outcome) | {"reason": outcome.reason}
            for outcome in report.outcomes
            if outcome.comparison is None
        ],
    }


def table(report: Report) -> Table:
    """Counts per variant, and in all where there are several."""
    from rich.table import Table  # noqa: PLC0415 - not for those who print no table
    from rich.text import Text  # noqa: PLC0415

    made = Table(
        title=Text(f"{visible(str(report.folder))}: answers made again, each alone", style="bold"),
        caption="per 100k: first differences among the tokens compared; Δ: of logprobs",
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
        title_justify="left",
        caption_justify="left",
        header_style="dim",
    )
    made.add_column("variant", no_wrap=True, overflow="ellipsis", max_width=_LONGEST_NAME)
    for header in ("replayed", "same", "differ", "no comparison", "tokens", "per 100k", "median Δ", "max Δ"):
        made.add_column(header, justify="right", no_wrap=True)
    variants = report.variants
    for counts in (*variants, *([report.total] if len(variants) > 1 else [])):
        made.add_row(Text(visible(counts.name)), *_cells(counts))
    return made


def difference_line(outcome: Outcome) -> str:
    """Where an item comes out otherwise, safe for a terminal: what follows from another token is not told as well."""
    found = outcome.comparison
    assert found is not None
    where = visible(f"differs  {outcome.variant} {outcome.prompt_id}, repeat {outcome.repeat}")
    told = []
    if found.position is not None:
        told += [f"token {found.position} was {_shown(found.recorded)} and is {_shown(found.replayed)}"]
    else:
        if not found.same_text:
            told += ["the tokens are the same and the text is not"]
        if found.finish_reason is not None:
            was, is_now = found.finish_reason
            told += [f"finish_reason was {visible(was)} and is {is_now}"]
    if found.off is not None:
        told += [f"logprobs off by {found.off.by:.2g} at position {found.off.position}"]
    return f"{where}: {'; '.join(told)}"


def reason_lines(report: Report) -> list[str]:
    """Why items could not be compared, and what is not as it was, safe for a terminal."""
    reasons = Counter(
        (outcome.variant, outcome.reason) for outcome in report.outcomes if outcome.comparison is None
    ).items()
    told = [f"no comparison  {variant}, {count} of them: {reason}" for (variant, reason), count in sorted(reasons)]
    told += [
        f"note  {counts.name}: {name} was {before} and is {now}"
        for counts in report.variants
        for name, pairs in counts.changed.items()
        for before, now in pairs
    ]
    return [visible(line) for line in told]


def _cells(counts: Counts) -> list[str]:
    whole = (counts.replayed, counts.same, counts.differing, counts.not_comparable, counts.tokens)
    rate = counts.differing_per_100k_tokens
    deltas = (counts.median_delta, counts.max_delta)
    return [
        *map(str, whole),
        "-" if rate is None else f"{rate:.3g}" if rate < _KILO else f"{rate:.0f}",
        *("-" if delta is None else f"{delta:.1e}" if delta else "0" for delta in deltas),
    ]


def _shown(token: Token | None) -> str:
    if token is None:
        return "the end"
    return f"{token.id}" if token.text is None else f"“{visible(token.text)}” ({token.id})"


def _counts_json(counts: Counts) -> dict[str, Any]:
    return {
        "variant": counts.name,
        "replayed": counts.replayed,
        "same": counts.same,
        "differing": counts.differing,
        "not_comparable": counts.not_comparable,
        "tokens": counts.tokens,
        "differing_per_100k_tokens": counts.differing_per_100k_tokens,
        "median_abs_delta_logprob": counts.median_delta,
        "max_abs_delta_logprob": counts.max_delta,
        "changed": {name: [list(pair) for pair in pairs] for name, pairs in counts.changed.items()},
    }


def _item_json(outcome: Outcome) -> dict[str, Any]:
    return {
        "variant": outcome.variant,
        "item_id": outcome.item_id,
        "prompt_id": outcome.prompt_id,
        "repeat": outcome.repeat,
    }


def _difference_json(outcome: Outcome) -> dict[str, Any]:
    found = outcome.comparison
    assert found is not None
    return _item_json(outcome) | {
        "position": found.position,
        "recorded": _token_json(found.recorded),
        "replayed": _token_json(found.replayed),
        "same_text": found.same_text,
        "finish_reason": _pair_json(found.finish_reason),
        "logprobs_off": None if found.off is None else {"position": found.off.position, "by": found.off.by},
    }


def _token_json(token: Token | None) -> dict[str, Any] | None:
    return None if token is None else {"token_id": token.id, "token": token.text}


def _pair_json(pair: tuple[str, str] | None) -> dict[str, str] | None:
    return None if pair is None else {"recorded": pair[0], "replayed": pair[1]}
