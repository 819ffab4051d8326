"""Label Studio's JSON export, as rows. Knows the rubric; knows neither the key nor what is labelled already.

The format `JSON` of Label Studio 1.x, not `JSON-MIN`: a list of tasks, each with its `data` and `annotations`, an
annotation with `completed_by`, `was_cancelled`, `lead_time` (seconds), `updated_at` and its `result`, a list of
`{from_name, type, value}`. Source: https://labelstud.io/guide/task_format.
"""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

import orjson

from harness.analysis.export.annotation_csv import ITEM, ITEM_ID
from harness.analysis.importing.rows import Read, Row

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from harness.analysis.labels import Labels
    from harness.analysis.rubric import Rubric

_NO_EXPORT = (
    "it is no export of Label Studio in the format JSON, a list of tasks with `data` and `annotations`; JSON-MIN is not"
)


def read_export(data: bytes, rubric: Rubric) -> Read:
    """The rows of an export: one per annotation, skipped ones left out. Places count tasks from 1."""
    try:
        tasks = orjson.loads(data)
    except orjson.JSONDecodeError as error:
        return Read(problems=(f"it is not JSON ({error})",))
    if not isinstance(tasks, list) or not all(_is_task(task) for task in tasks):
        return Read(problems=(_NO_EXPORT,))
    rows, empty, hidden, problems = [], 0, 0, []
    for place, task, annotation in _annotations(tasks):
        labels, found = _labels(annotation["result"], rubric)
        problems += [f"{place}: {problem}" for problem in found]
        hidden += _drop_hidden(labels, rubric)
        if labels and not annotation.get("was_cancelled"):
            item = str(task["data"].get(ITEM, task["data"].get(ITEM_ID, "")))
            rows.append(Row(place, item, _coder(annotation), labels, _seconds(annotation), _time(annotation)))
        elif not found:
            empty += 1
    note = f"{hidden} values were left out that the form had hidden again when the answer was submitted."
    return Read(tuple(rows), empty, tuple(problems), (note,) if hidden else ())


def _is_task(task: Any) -> bool:
    return (
        isinstance(task, dict)
        and isinstance(task.get("data"), dict)
        and isinstance(task.get("annotations"), list)
        and all(isinstance(one, dict) and isinstance(one.get("result"), list) for one in task["annotations"])
    )


def _annotations(tasks: list[dict[str, Any]]) -> Iterator[tuple[str, dict[str, Any], dict[str, Any]]]:
    for number, task in enumerate(tasks, 1):
        for annotation in task["annotations"]:
            yield f"task {number}", task, annotation


def _labels(results: list[Any], rubric: Rubric) -> tuple[Labels, list[str]]:
    labels: Labels = {}
    problems = []
    for result in results:
        name = result.get("from_name") if isinstance(result, dict) else None
        field = rubric.field_named(str(name))
        if field is None:
            problems.append(f"the rubric has no field {name!r}")
            continue
        value = result.get("value")
        held = value.get("text" if field.type == "text" else "choices") if isinstance(value, dict) else None
        said = [held] if isinstance(held, str) else held
        if not isinstance(said, list) or not all(isinstance(one, str) for one in said):
            problems.append(f"{name} is not as a {'TextArea' if field.type == 'text' else 'Choices'} says it")
        elif name in labels:
            problems.append(f"{name} is there twice")
        elif field.type == "text":
            labels |= {field.name: text} if (text := "\n".join(said)).strip() else {}
        elif field.type == "multi":
            labels |= {field.name: [one for one in field.values if one in said] + sorted({*said} - {*field.values})}
        elif len(said) != 1:
            problems.append(f"{name} has {len(said)} values, and is a choice of one")
        else:
            labels[field.name] = said[0]
    return {name: value for name, value in labels.items() if value != []}, problems


def _drop_hidden(labels: Labels, rubric: Rubric) -> int:
    """Take out what the form did not show beside the rest; returns how many."""
    dropped = 0
    while hidden := labels.keys() - {field.name for field in rubric.asked(labels)}:
        for name in hidden:
            del labels[name]
        dropped += len(hidden)
    return dropped


def _coder(annotation: Mapping[str, Any]) -> str | None:
    """By the e-mail address where the export has one, else by the user's number there."""
    user = annotation.get("completed_by")
    if isinstance(user, dict):
        user = user.get("email") or user.get("username") or user.get("id")
    if user is None or isinstance(user, str):
        return user
    return f"label-studio-{user}"


def _seconds(annotation: Mapping[str, Any]) -> float | None:
    spent = annotation.get("lead_time")
    return float(spent) if isinstance(spent, int | float) and not isinstance(spent, bool) else None


def _time(annotation: Mapping[str, Any]) -> str | None:
    try:
        time = datetime.fromisoformat(str(annotation.get("updated_at") or annotation.get("created_at")))
    except ValueError:
        return None
    return time.isoformat() if time.tzinfo else None
