// The rubric's form: values in and out, fields that are asked only beside certain values, option keys.

import { at } from "./page.js";

class Field {
  constructor(set) {
    this.set = set;
    this.name = set.dataset.field;
    this.type = set.dataset.type;
    this.when = Object.entries(JSON.parse(set.dataset.when));
    this.required = "required" in set.dataset;
    this.text = set.querySelector("textarea");
    this.inputs = [...set.querySelectorAll("input")];
  }

  get value() {
    if (this.text) return this.text.value.trim() || null;
    const chosen = this.inputs.filter((input) => input.checked).map((input) => input.value);
    return this.type === "multi" ? (chosen.length ? chosen : null) : (chosen[0] ?? null);
  }

  set value(value) {
    if (this.text) this.text.value = value ?? "";
    const chosen = [value].flat();
    for (const input of this.inputs) input.checked = chosen.includes(input.value);
  }

  set problem(text) {
    const line = this.set.querySelector(".problem");
    line.textContent = text;
    line.hidden = !text;
  }
}

export class RubricForm {
  constructor() {
    this.fields = [...document.querySelectorAll("fieldset[data-field]")].map((set) => new Field(set));
    this.keys = new Map([...document.querySelectorAll(".option[data-key]")].map((label) => [label.dataset.key, label]));
    for (const field of this.fields) {
      field.set.addEventListener("change", () => this.#changed());
      field.set.addEventListener("click", (event) => this.#clear(field, event));
      field.set.addEventListener("mousedown", () => this.#remember(field));
    }
  }

  // What applies, a field whose condition lies in one that is not asked left out.
  get labels() {
    let kept = Object.fromEntries(this.fields.map((field) => [field.name, field.value]));
    for (;;) {
      const asked = this.fields.filter((field) => field.when.every(([name, value]) => kept[name] === value));
      const next = Object.fromEntries(asked.map((field) => [field.name, kept[field.name] ?? null]));
      if (Object.keys(next).length === Object.keys(kept).length) return next;
      kept = next;
    }
  }

  set labels(labels) {
    for (const field of this.fields) field.value = labels[field.name] ?? null;
    this.#changed();
    at("labels").querySelector(".fields").scrollTop = 0;
  }

  // Whether it can be saved; what is missing is said beside its field.
  get isComplete() {
    const { labels } = this;
    const missing = this.fields.filter((field) => field.required && field.name in labels && labels[field.name] === null);
    for (const field of this.fields) field.problem = missing.includes(field) ? "Choose one." : "";
    missing[0]?.set.scrollIntoView({ block: "nearest" });
    return missing.length === 0;
  }

  // Whether that key is an option's; it is chosen then, or taken back where it was chosen and may be left out.
  press(key) {
    const label = this.keys.get(key) ?? this.keys.get(key.toLowerCase());
    if (!label || label.closest("fieldset").hidden) return false;
    const input = label.querySelector("input");
    const field = this.fields.find((one) => one.inputs.includes(input));
    input.checked = input.type === "radio" && field.required ? true : !input.checked;
    label.scrollIntoView({ block: "nearest" });
    this.#changed();
    return true;
  }

  write() {
    const field = this.fields.find((one) => one.text && !one.set.hidden);
    field?.text.focus();
  }

  #changed() {
    const { labels } = this;
    for (const field of this.fields) {
      field.set.hidden = !(field.name in labels);
      if (labels[field.name]) field.problem = "";
    }
  }

  #remember(field) {
    field.before = field.value;
  }

  // A radio button that may be left out is let go by a second click.
  #clear(field, event) {
    const input = event.target;
    const isAgain = input.type === "radio" && !field.required && event.detail && field.before === input.value;
    if (!isAgain) return;
    input.checked = false;
    field.before = null;
    this.#changed();
  }
}
