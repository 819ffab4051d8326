"""What a pack holds and what was taken out of it, for whoever packs. Decides nothing."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING

from rich.table import Table
from rich.text import Text

from harness.analysis.pack.archive import names_in
from harness.findings import say
from harness.terminal import table_screen, visible

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from harness.analysis.pack.contents import Stage
    from harness.analysis.pack.redaction import Left, Redactor

_LINES_NAMED = 5


def print_pack(output: Path, stage: Stage) -> None:
    """The files and the replacements on stdout; what people should look at on stderr."""
    screen = table_screen()
    files = _table("in the pack", "bytes")
    for name in names_in(stage.into):
        files.add_row(Text(visible(name)), Text(str((stage.into / name).stat().st_size)))
    screen.print(files)
    screen.print()
    screen.print(_replacements(stage.redactor, stage.coders))
    for note in (*stage.notes, *_left(stage.redactor.left), *_not_packed(stage.left_out())):
        say(f"note: {note}")
    screen.print(Text(f"\nThe pack is {visible(str(output))}."))


def _replacements(redactor: Redactor, coders: Mapping[str, str]) -> Table | Text:
    places: dict[tuple[str, str, str], dict[str, int]] = defaultdict(dict)
    for one, count in sorted(redactor.replaced.items()):
        places[one.kind, one.text, one.placeholder][one.file] = count
    if not places and not coders:
        return Text("Nothing names a user, a host or a folder: nothing was replaced.")
    table = _table("replaced", "by", "kind", "where, how often")
    for (kind, text, placeholder), where in places.items():
        told = ", ".join(f"{file} {count}" for file, count in where.items())
        table.add_row(*map(Text, (visible(text), placeholder, kind, visible(told))))
    for name, pseudonym in coders.items():
        table.add_row(*map(Text, (visible(name), pseudonym, "coder", "labels")))
    return table


def _left(left: Iterable[Left]) -> list[str]:
    """One sentence per file and kind."""
    lines: dict[tuple[str, str], list[int]] = defaultdict(list)
    for one in left:
        lines[one.file, one.kind].append(one.line)
    return [
        f"{file} still holds a {kind}, in the words of prompts, answers or people, which are never altered: line"
        f"{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers[:_LINES_NAMED]))}"
        f"{f' and {len(numbers) - _LINES_NAMED} more' if len(numbers) > _LINES_NAMED else ''}."
        for (file, kind), numbers in lines.items()
    ]


def _not_packed(names: list[str]) -> list[str]:
    return [f"not packed: {', '.join(names)}."] if names else []


def _table(*headers: str) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for header in headers:
        table.add_column(header, no_wrap=True, justify="right" if header == "bytes" else "left")
    return table
