// The page of an adjudicator: what is undecided, both coders' labels side by side, a decision.

import { RubricForm } from "./form.js";
import { showItem, stopwatch } from "./item.js";
import { heedKeys } from "./keys.js";
import { ask, askName, at, helpOpens, make, once, say, show } from "./page.js";

const form = new RubricForm();
let coder = null;
let item = null;
let open = [];

function take(told) {
  item = told.item;
  open = told.open;
  const { done, of } = told.progress;
  at("told").textContent = `${done} of ${of} decided`;
  at("progress").max = Math.max(1, of);
  at("progress").value = done;
  say(told.notice);
  if (!item) {
    at("finished-text").textContent = of ? `All ${of} differences are decided. Thank you.` : "Coders differ on nothing so far.";
    show("finished");
    at("finished").focus();
    return;
  }
  show("work");
  at("open").replaceChildren(...open.map(entry));
  at("open").querySelector("[aria-current]")?.scrollIntoView({ block: "nearest" });
  at("said").replaceChildren(...table(item));
  form.labels = item.values;
  showItem(item);
}

function entry({ id, differ }) {
  const line = make("li");
  const button = make("button", "", differ.map(words).join(", "));
  button.type = "button";
  if (id === item.id) button.setAttribute("aria-current", "true");
  button.addEventListener("click", () => look(id));
  line.append(button);
  return line;
}

function table({ coders, differ }) {
  const head = make("tr");
  head.append(make("td"), ...coders.map(({ name }) => heading("col", name)));
  const rows = form.fields
    .filter((field) => coders.some(({ labels }) => field.name in labels))
    .map((field) => row(field, coders, differ.includes(field.name)));
  const last = make("tr");
  last.append(make("td"), ...coders.map(take_over));
  return [head, ...rows, last];
}

function heading(scope, text) {
  const made = make("th", "", text);
  made.scope = scope;
  return made;
}

function row(field, coders, differs) {
  const line = make("tr", differs ? "differs" : "");
  const title = heading("row", words(field.name));
  if (differs) title.append(make("span", "required", "differ"));
  line.append(title, ...coders.map(({ labels }) => make("td", "text", [labels[field.name] ?? "-"].flat().join(", "))));
  return line;
}

function take_over({ name, labels }) {
  const cell = make("td");
  const button = make("button", "", `As ${name} says`);
  button.type = "button";
  // Notes are each person's own.
  const own = Object.fromEntries(form.fields.filter((field) => field.text).map((field) => [field.name, field.value]));
  button.addEventListener("click", () => {
    form.labels = { ...labels, ...own };
    at("answer").focus({ preventScroll: true });
  });
  cell.append(button);
  return cell;
}

const words = (name) => name.replaceAll("_", " ");
const look = (id) => once(async () => take(await ask("adjudication/state", { coder, item: id })));

function next() {
  const place = open.findIndex(({ id }) => id === item.id);
  if (open.length) look(open[(place + 1) % open.length].id);
}

heedKeys(form, {
  save: () =>
    once(async () => {
      if (!form.isComplete) return say("Something is missing.", true);
      const facts = { coder, item: item.id, seconds: stopwatch.seconds, labels: form.labels };
      take(await ask("adjudication/save", facts));
    }),
  skip: next,
  undo: () => once(async () => take(await ask("adjudication/undo", { coder }))),
});
helpOpens();

askName("adjudicator", async (name) => {
  const told = await ask("adjudication/begin", { coder: name });
  coder = told.coder;
  sessionStorage.setItem("adjudicator", coder);
  at("who").textContent = coder;
  take(told);
  return null;
});
