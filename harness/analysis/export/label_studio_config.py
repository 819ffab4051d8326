"""A rubric as the labelling configuration of Label Studio 1.x. Knows no answer.

Tags as https://labelstud.io/tags describes them. A field with `when` stands in a View that shows it then only; its
Choices say the same, because Label Studio leaves hidden values out of what it saves by the condition of the control
itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET

from harness.errors import UsageError

if TYPE_CHECKING:
    from harness.analysis.rubric import Rubric, RubricField

# With a hyphen, which no field's name can have.
_ANSWER = "answer-text"


def labelling_config(rubric: Rubric, *, gold: bool, simulated: bool) -> str:
    """The XML to paste into a project's settings.

    Args:
        gold: whether tasks have a `gold`; `simulated`: whether they have a watermark.

    Raises:
        UsageError: an option cannot be said in it.
    """
    _refuse_unfit(rubric)
    root = ET.Element("View")
    if rubric.guidance:
        ET.SubElement(root, "Header", value=f"Guidance: {' '.join(rubric.guidance.split())}", size="6")
    if simulated:
        ET.SubElement(root, "Header", value="$simulated")
    shown = [("Question", "prompt-text", "$prompt"), ("Answer", _ANSWER, "$answer")]
    if gold:
        shown.append(("What is known", "gold-text", "$gold"))
    for title, name, value in shown:
        ET.SubElement(root, "Header", value=title)
        ET.SubElement(root, "Text", name=name, value=value, valueType="text")
    for field in rubric.fields:
        _add(root, field)
    ET.indent(root)
    return ET.tostring(root, encoding="unicode") + "\n"


def _add(root: ET.Element, field: RubricField) -> None:
    conditions = [
        {"visibleWhen": "choice-selected", "whenTagName": name, "whenChoiceValue": value}
        for name, value in field.when.items()
    ]
    inside = root
    for condition in conditions:
        inside = ET.SubElement(inside, "View", condition)
    # Behind its name: a value that begins with a dollar would be looked up in the task.
    told = f"{field.name}: {' '.join(field.guidance.split())}" if field.guidance else field.name
    ET.SubElement(inside, "Header", value=told, size="5")
    facts = {"name": field.name, "toName": _ANSWER, "required": "true" if field.required else "false"}
    if field.type == "text":
        ET.SubElement(inside, "TextArea", facts, rows="3", maxSubmissions="1", editable="true")
        return
    facts["choice"] = "multiple" if field.type == "multi" else "single"
    choices = ET.SubElement(inside, "Choices", facts | (conditions[-1] if conditions else {}))
    if field.type == "ordinal":
        choices.set("showInline", "true")
    for option in field.options:
        said = {"value": option.value, "hotkey": option.key, "hint": option.guidance}
        ET.SubElement(choices, "Choice", {name: value for name, value in said.items() if value is not None})


def _refuse_unfit(rubric: Rubric) -> None:
    conditions = {value for field in rubric.fields for value in field.when.values()}
    for field in rubric.fields:
        for value in field.values:
            if value.startswith("$"):
                raise UsageError(f"Label Studio would look the option {value!r} of {field.name} up: rename it.")
            if value in conditions and "," in value:
                raise UsageError(f"Label Studio would read the `when` {value!r} as several options: rename it.")
