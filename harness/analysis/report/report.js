// Puts the page together: views, filters, keys. What is shown is chosen by the address: #overview, #answers/ITEM.

const data = JSON.parse(byId("data").textContent);
const store = makeAnswers(data);
const views = { overview: showOverview, comparison: showComparison, answers: showAnswers };
const view = () => byId("view-answers");
const needle = () => byId("query").value.trim().toLowerCase();
const FILTERS = ["query", "variant", "category", "reason", "probe"];
let list = null, isBeside = false;

function showHeader() {
  const { total } = data.overview;
  byId("name").append(visible(data.folder));
  const times = data.answers.timestamp.filter(Boolean).map((time) => time.slice(0, 10)).sort();
  const days = times.length ? [...new Set([times[0], times.at(-1)])].join(" to ") : "";
  const some = (number, word) => `${count(number)} ${word}${number === 1 ? "" : "s"}`;
  byId("gist").append(`${some(total.done, "answer")} to ${some(data.prompts.id.length, "prompt")} by ` +
    `${some(data.overview.variants.length, "variant")}${total.failed ? `, ${some(total.failed, "item")} failed` : ""}; ${days}`);
  const banner = byId("banner");
  banner.hidden = !data.notes.length;
  banner.className = total.simulated ? "simulated" : "";
  banner.append(...(total.simulated ? [el("b", {}, "SIMULATED")] : []), ...data.notes.map((note) => el("span", {}, note)));
}

function showAnswers() {
  const choices = (id, all, entries) => byId(id).append(el("option", { value: ALL }, all),
    ...entries.map(([value, label]) => el("option", { value }, label)));
  const sorted = (values) => [...new Set(values)].sort((one, other) => String(one).localeCompare(String(other)));
  choices("variant", "all", sorted(data.values.variant).map((name) => [name, name]));
  choices("category", "all", sorted(data.prompts.category).map((name) => [JSON.stringify(name), name ?? "none"]));
  choices("reason", "all", sorted(data.values.reason).map((name) => [name, name.replaceAll("_", " ")]));
  choices("probe", "all", sorted(data.prompts.probe).map((name) => [name, PROBE_LABELS[name]]));
  choices("order", "as recorded", [["prompt", "by prompt"], ["slowest", "slowest first"], ["longest", "longest first"]]);
  if (data.answers.uncertainty.some(Boolean)) {
    byId("order").append(el("optgroup", { label: "least sure first" }, data.values.uncertainty.map((name) =>
      el("option", { value: name }, MEASURES[name].label))));
  }
  list = makeList(byId("list"), { drawRow, choose: showChosen, open: openDetail });
  byId("filters").addEventListener("input", filter);
  byId("filters").addEventListener("submit", (event) => event.preventDefault());
  byId("query").addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === "ArrowDown") byId("list").focus();
  });
  filter();
  setTimeout(store.prepare);
}

function drawRow(index) {
  const { answers } = store, order = byId("order").value, text = answers.error[index] ?? answers.full_response[index] ?? "";
  const found = needle() ? text.toLowerCase().indexOf(needle()) : -1;
  const from = Math.max(0, found - 30);
  const snippet = visible((from ? "…" : "") + beginning(text.slice(from), 160)).replace(/\s+/g, " ");
  const figure = LEAST_SURE_FIRST[order] ? digits(store.measure(order, index), 3)
    : order === "slowest" ? seconds(answers.elapsed_seconds[index])
      : order === "longest" ? `${count(answers.output_tokens[index])} tokens` : "";
  const reason = store.at("reason", index);
  return [
    el("div", { class: "line" }, el("span", { class: "id" }, store.prompt("id", index)), el("span", { class: "who" }, store.at("variant", index)),
      el("span", { class: "marks" }, reason === "stop" ? null : reasonMark(reason), simulatedMark(answers.simulated[index]))),
    el("div", { class: "line" }, el("span", { class: "snippet" }, marked(snippet, needle(), 3)), el("span", { class: "figure" }, figure)),
  ];
}

// What is open stays open where it is still listed; another order is read from its beginning.
function filter(event) {
  const isOrder = ["order", "reversed"].includes(event?.target.id);
  const found = store.matching(Object.fromEntries(FILTERS.map((id) => [id, byId(id).value])));
  byId("count").value = found.length === store.size ? `${count(store.size)} answers` : `${count(found.length)} of ${count(store.size)}`;
  isBeside = false;
  list.show(store.ordered(found, byId("order").value, byId("reversed").checked), isOrder ? null : list.chosen());
}

function showChosen(index) {
  const box = byId("detail");
  view().classList.toggle("beside", isBeside && index !== null);
  if (index === null) {
    box.replaceChildren(el("p", { class: "empty" }, "No answer matches."));
    return;
  }
  const show = isBeside ? showBeside : showDetail;
  show(box, store, index, { needle: needle(), beside: () => toggleBeside(true), open: openItem,
    close: () => (isBeside ? toggleBeside(false) : closeDetail()) });
  if (!view().hidden) history.replaceState(null, "", `#answers/${store.answers.item_id[index]}`);
}

function openDetail(index) {
  view().classList.add("reading");
  showChosen(index);
  byId("detail").querySelector("h2").focus();
}

function closeDetail() {
  view().classList.remove("reading");
  byId("list").focus();
}

function toggleBeside(on) {
  isBeside = on && list.chosen() !== null;
  if (list.chosen() !== null) openDetail(list.chosen());
}

// Shows one item; filters that leave it out are taken back.
function openItem(index) {
  isBeside = false;
  if (!list.reach(index)) {
    for (const id of FILTERS) byId(id).value = ALL;
    filter();
    list.reach(index);
  }
  openDetail(index);
}

function route() {
  const [name, item] = location.hash.slice(1).split("/");
  if (!(name in views)) return;
  for (const other of Object.keys(views)) {
    byId(`view-${other}`).hidden = other !== name;
    const link = document.querySelector(`nav [data-view=${other}]`);
    if (other === name) link.setAttribute("aria-current", "page");
    else link.removeAttribute("aria-current");
  }
  if (views[name]) views[name](byId(`view-${name}`));
  views[name] = null;
  const index = item === undefined ? -1 : store.indexOf(item);
  if (name === "answers") {
    list.redraw();
    if (index >= 0) openItem(index);
  }
}

function goTo(name) {
  if (byId(`view-${name}`).hidden) {
    history.pushState(null, "", `#${name}`);
    route();
  }
}

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const isField = ["INPUT", "SELECT", "TEXTAREA"].includes(event.target.tagName);
  if (event.key === "/" && event.target.id !== "query") {
    goTo("answers");
    byId("query").select();
  } else if (view().hidden) return;
  else if (event.key === "Escape") isBeside && !isField ? toggleBeside(false) : closeDetail();
  else if (isField) return;
  else if (event.key === "j" || event.key === "k") list.step(event.key === "j" ? 1 : -1);
  else if (event.key === "s") toggleBeside(!isBeside);
  else if (event.key === "t") showTokens();
  else return;
  event.preventDefault();
});

function showTokens() {
  if (list.chosen() === null) return;
  isBeside = false;
  openDetail(list.chosen());
  const first = byId("detail").querySelector(".tokens .token");
  if (first) first.focus();
}

document.querySelector("nav").addEventListener("click", (event) => {
  const name = event.target.dataset.view;
  if (!name || event.ctrlKey || event.metaKey || event.shiftKey) return;
  event.preventDefault();
  goTo(name);
});
document.querySelector(".skip").addEventListener("click", (event) => {
  event.preventDefault();
  byId("main").focus();
});
window.addEventListener("hashchange", route);
showHeader();
if (!(location.hash.slice(1).split("/")[0] in views)) history.replaceState(null, "", "#overview");
route();
performance.mark("report-shown");
