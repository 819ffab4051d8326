// One answer in full, and the answers of all variants to its prompt side by side.

const MARKED_REASONS = { refusal: "refused", content_filter: "refused", length: "truncated", failed: "failed" };

function reasonMark(reason) {
  return el("span", { class: `badge ${MARKED_REASONS[reason] || "plain"}` }, reason.replaceAll("_", " "));
}

function marksOf(store, index) {
  return el("span", { class: "marks" }, reasonMark(store.at("reason", index)), simulatedMark(store.answers.simulated[index]));
}

function answerText(store, index, options) {
  const error = store.answers.error[index];
  if (error !== null) return el("div", { class: "answer failed" }, el("p", { class: "text" }, error));
  return el("div", { class: store.answers.simulated[index] ? "answer watermarked" : "answer" },
    passage(store.answers.full_response[index] ?? "", options));
}

function conversation(store, index, needle) {
  const system = store.at("system", index), messages = store.prompt("messages", index);
  const turn = (role, text) => el("div", { class: "turn" }, el("span", { class: "role" }, role), passage(text ?? "", { needle }));
  if (!messages && system === null) return passage(store.prompt("text", index) ?? "", { needle });
  const turns = messages ? messages.map((message) => turn(message.role, message.content)) : [turn("user", store.prompt("text", index))];
  return el("div", { class: "turns" }, system === null ? null : turn("system", system), turns);
}

function showDetail(box, store, index, { needle, beside, close }) {
  const { answers } = store;
  const probe = { real: "real prompt", synthetic: "synthetic prompt", unknown: null }[store.prompt("probe", index)];
  const thinking = answers.thinking[index];
  box.replaceChildren(...[
    el("div", { class: "detail-bar" },
      el("button", { type: "button", class: "back", click: close }, "← Answers"),
      el("button", { type: "button", click: beside, "aria-keyshortcuts": "s" }, "Side by side")),
    el("h2", { tabindex: "-1" }, breakable(store.prompt("id", index)), " ",
      el("span", { class: "of" }, breakable(store.at("variant", index)), answers.repeat[index] ? `, repeat ${answers.repeat[index]}` : "")),
    el("p", { class: "under" }, marksOf(store, index),
      [store.prompt("category", index), probe].filter(Boolean).map((label) => el("span", { class: "badge plain" }, label))),
    el("h3", {}, "Prompt"), conversation(store, index, needle),
    ...(thinking ? [el("details", {}, el("summary", {}, "Thinking"), passage(thinking, { needle }))] : []),
    el("h3", {}, answers.error[index] === null ? "Answer" : "Error"), answerText(store, index, { needle }),
    ...tokenSection(store, index), ...uncertaintySection(store, index), ...markSection(store, index),
    el("h3", {}, "Facts"), answerFacts(store, index), ...metadataSection(store, index),
  ]);
  box.scrollTop = 0;
}

function tokenSection(store, index) {
  const code = store.answers.tokens[index];
  if (!code) return [];
  const tokens = decodeTokens(code, store.vocabulary), total = store.answers.output_tokens[index];
  const of = { scores: "after temperature", logits: "before temperature", provider: "as the provider gives them" }[store.at("logprobs_of", index)];
  return [
    el("h3", {}, "Tokens ", el("span", { class: "of" }, total > tokens.length ? `the first ${tokens.length} of ${total}` : count(tokens.length),
      of ? `; logprobs ${of}` : "")),
    tokenLegend(), tokenView(tokens),
  ];
}

function uncertaintySection(store, index) {
  const named = store.values.uncertainty.map((name) => [name, store.measure(name, index)]).filter(([, value]) => value !== null);
  if (!named.length) return [];
  return [el("h3", {}, "Uncertainty ", el("span", { class: "of" }, "over the recorded tokens")),
    definitions(named.map(([name, value]) => [MEASURES[name].label, digits(value, 3)]), { class: "facts" })];
}

function markSection(store, index) {
  const marks = store.answers.marks[index];
  if (!marks) return [];
  const said = (value) => (value === null ? "says nothing" : value === true ? "yes" : value === false ? "no"
    : Array.isArray(value) ? value.map(said).join(", ") || "none" : String(value));
  return [el("h3", {}, "Heuristic marks ", el("span", { class: "of" }, "of a program, not of a person")),
    definitions(Object.entries(marks).map(([name, value]) => [name.replace("heuristic_", "").replaceAll("_", " "), said(value)]), { class: "facts" })];
}

function answerFacts(store, index) {
  const { answers } = store;
  const sent = Object.entries(store.at("parameters", index)).filter(([, value]) => value !== null)
    .map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : value}`).join(", ");
  return definitions([
    ["tokens in, out", `${count(answers.input_tokens[index])}, ${count(answers.output_tokens[index])}`],
    ["took, queued", `${seconds(answers.elapsed_seconds[index])}, ${seconds(answers.queued_seconds[index])}`],
    ["cost", answers.cost_usd[index] === null ? null : dollars(answers.cost_usd[index])],
    ["retries", answers.retry_count[index]], ["began", moment(answers.timestamp[index])],
    ["served as", store.at("model_version", index)], ["provider's reason", store.at("finish_detail", index)],
    ["parameters", sent], ["seed", answers.seed[index]], ["request id", answers.request_id[index]],
    ["taken from", answers.reused[index]], ["item id", answers.item_id[index]],
  ], { class: "facts" });
}

function metadataSection(store, index) {
  const pairs = Object.entries(store.prompt("metadata", index)).filter(([, value]) => value !== null);
  if (!pairs.length) return [];
  const lines = (value) => (Array.isArray(value) ? value : typeof value === "object" ? Object.entries(value).map(([name, of]) => `${name}: ${typeof of === "object" ? JSON.stringify(of) : of}`) : [value])
    .map((line) => el("div", {}, typeof line === "object" ? JSON.stringify(line) : String(line)));
  return [el("details", {}, el("summary", {}, "What the prompt file says"),
    definitions(pairs.map(([name, value]) => [name.replaceAll("_", " "), el("div", {}, lines(value))]), { class: "facts" }))];
}

// All answers to the prompt of `index`.
function showBeside(box, store, index, { needle, open, close }) {
  const cards = store.besides(index).map((other) => {
    const { answers } = store;
    const figures = [`${count(answers.output_tokens[other])} tokens`, seconds(answers.elapsed_seconds[other])];
    const surety = store.measure("mean_logprob", other);
    if (surety !== null) figures.push(`mean logprob ${digits(surety, 3)}`);
    return el("section", { class: other === index ? "card current" : "card", "aria-label": store.at("variant", other) },
      el("h3", {}, el("button", { type: "button", class: "link", click: () => open(other) }, breakable(store.at("variant", other)),
        answers.repeat[other] ? `, repeat ${answers.repeat[other]}` : "")),
      el("p", { class: "under" }, marksOf(store, other)), answerText(store, other, { needle, most: 4000 }),
      el("p", { class: "faint" }, figures.join(" · ")));
  });
  box.replaceChildren(
    el("div", { class: "detail-bar" }, el("button", { type: "button", click: close }, "← One answer")),
    el("h2", { tabindex: "-1" }, breakable(store.prompt("id", index)), " ", el("span", { class: "of" }, `${cards.length} answers side by side`)),
    conversation(store, index, needle), el("div", { class: "cards" }, cards));
  box.scrollTop = 0;
}
