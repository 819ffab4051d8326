// The overview: figures per variant, attempts made again over time, facts of the run.

const OUTCOMES = [
  { label: "complete", class: "ok" }, { label: "refused", class: "refused" },
  { label: "cut off", class: "truncated" }, { label: "failed", class: "failed" },
];
const KINDS = {
  retry: "tried again", rate_limited: "rate-limited", offline: "offline", quota_exhausted: "quota used up",
  failed: "given up",
};

function showOverview(section) {
  section.append(el("div", { class: "column" },
    el("h2", {}, "Variants"), variantsTable(), legend(OUTCOMES),
    el("h2", {}, "Finish reasons"), reasonsTable(),
    el("h2", {}, "Attempts that did not answer, over time"), attemptsTable(),
    el("h2", {}, "The run"), runFacts()));
}

function legend(entries) {
  return el("p", { class: "legend" }, entries.map((entry) =>
    [el("span", { class: `swatch ${entry.class}` }), el("span", {}, entry.label)]));
}

function simulatedMark(isSimulated) {
  return isSimulated ? el("span", { class: "badge simulated" }, "simulated") : null;
}

function variantsTable() {
  const { variants, total, seconds: ends } = data.overview;
  const headings = [
    { label: "variant" }, { label: "items", class: "number" },
    ...(total.reused ? [{ label: "reused", class: "number" }] : []), { label: "outcomes" },
    { label: "refused", class: "number" }, { label: "cut off", class: "number" }, { label: "failed", class: "number" },
    { label: "retries", class: "number" }, { label: "tokens in", class: "number" },
    { label: "tokens out", class: "number" }, { label: "cost", class: "number" }, { label: "p50, s", class: "number" },
    { label: "p95, s", class: "number" },
    { label: ends ? `latency, ${ends[0]} to ${ends[1]} s, log.` : "latency" },
  ];
  const row = (facts, isTotal) => {
    const complete = facts.done - facts.refused - facts.truncated;
    const values = [complete, facts.refused, facts.truncated, facts.failed];
    const parts = OUTCOMES.map((outcome, place) => ({ ...outcome, value: values[place] }));
    const told = parts.map((part) => `${part.label} ${part.value}`).join(", ");
    return el("tr", {},
      el("th", { scope: "row" }, isTotal ? "all" : breakable(facts.variant), " ",
        simulatedMark(facts.simulated && !isTotal)),
      el("td", { class: "number" }, count(facts.done + facts.failed)),
      total.reused ? el("td", { class: facts.reused ? "number" : "number faint" }, count(facts.reused)) : null,
      el("td", {}, stack(`${facts.variant}: ${told}`, parts)),
      [facts.refused, facts.truncated, facts.failed, facts.retries].map((value) =>
        el("td", { class: value ? "number" : "number faint" }, count(value))),
      [amount(facts.input_tokens), amount(facts.output_tokens), dollars(facts.cost_usd), digits(facts.p50_seconds),
        digits(facts.p95_seconds)].map((value) => el("td", { class: "number" }, value)),
      el("td", {}, facts.histogram && facts.p50_seconds !== null ? latencies(facts, ends) : NONE));
  };
  return table("Figures per variant", headings, [
    el("tbody", {}, variants.map((facts) => row(facts, false))),
    el("tfoot", {}, row(total, true)),
  ], { class: "figures" });
}

function latencies(facts, ends) {
  const p50 = `median ${seconds(facts.p50_seconds)}`, p95 = `95 % within ${seconds(facts.p95_seconds)}`;
  return histogram(`${facts.variant}: ${p50}, ${p95}`, facts.histogram, [
    { at: logarithmic(facts.p50_seconds, ends), class: "p50", label: p50 },
    { at: logarithmic(facts.p95_seconds, ends), class: "p95", label: p95 },
  ]);
}

function reasonsTable() {
  const { variants, total } = data.overview;
  const reasons = Object.keys(total.reasons).sort((one, other) => total.reasons[other] - total.reasons[one]);
  const row = (facts, name) => el("tr", {}, el("th", { scope: "row" }, name), reasons.map((reason) =>
    el("td", { class: facts.reasons[reason] ? "number" : "number faint" }, count(facts.reasons[reason] || 0))));
  return table("Finish reasons per variant",
    [{ label: "variant" }, ...reasons.map((reason) => ({ label: reason, class: "number" }))],
    [el("tbody", {}, variants.map((facts) => row(facts, breakable(facts.variant)))), el("tfoot", {}, row(total, "all"))],
    { class: "narrow" });
}

function attemptsTable() {
  const attempts = data.attempts;
  if (!attempts) return el("p", { class: "faint" }, "There is no events.jsonl to tell.");
  if (!attempts.kinds.length) return el("p", { class: "faint" }, "Every attempt answered.");
  const start = Date.parse(attempts.from), width = attempts.width_s * 1000;
  const per = width === 60000 ? "minute" : width < 60000 ? `${attempts.width_s} seconds`
    : width < 3600000 ? `${attempts.width_s / 60} minutes` : `${attempts.width_s / 3600} hours`;
  const binLabel = (bin) => moment(new Date(start + bin * width).toISOString().replace("Z", "+00:00"));
  const layersOf = (counts) => attempts.kinds.filter((kind) => counts[kind]).map((kind) =>
    ({ label: KINDS[kind], counts: counts[kind], class: `kind-${kind}` }));
  const sums = Object.values(attempts.variants).flatMap((counts) => Array.from({ length: attempts.bins }, (_, bin) =>
    layersOf(counts).reduce((sum, layer) => sum + layer.counts[bin], 0)));
  const most = Math.max(...sums);
  const rows = Object.keys(attempts.variants).sort().map((name) => {
    const layers = layersOf(attempts.variants[name]);
    const totals = layers.map((layer) => `${layer.counts.reduce((sum, value) => sum + value, 0)} ${layer.label}`);
    return el("tr", {}, el("th", { scope: "row" }, breakable(name)),
      el("td", { class: "time" }, timeline(`${name}: ${totals.join(", ")}`, attempts.bins, most, layers, binLabel)),
      el("td", { class: "said" }, totals.join(", ")));
  });
  const axis = el("tr", { class: "axis" }, el("td", {}),
    el("td", {}, el("div", { class: "ends" }, el("span", {}, moment(attempts.from)), el("span", {}, moment(attempts.until)))),
    el("td", {}));
  return el("div", {},
    table(`Attempts that did not answer, per ${per} and variant`,
      [{ label: "variant" }, { label: `per ${per}; the tallest bar is ${count(most)}` }, { label: "in all" }],
      [el("tbody", {}, rows), el("tfoot", {}, axis)], { class: "attempts" }),
    legend(attempts.kinds.map((kind) => ({ label: KINDS[kind], class: `kind-${kind}` }))));
}

function runFacts() {
  const run = data.run;
  const written = ["report written", `${moment(data.written_at)} by harness ${data.version}`];
  if (!run) return definitions([["folder", data.folder], written], { class: "facts" });
  const last = run.invocations.at(-1) || {};
  const prompts = `${run.prompts.file} (${count(run.prompts.count)} prompts, sha256 ${String(run.prompts.sha256).slice(0, 16)}…)`;
  const served = Object.entries(run.served).sort().map(([variant, facts]) => el("tr", {},
    el("th", { scope: "row" }, breakable(variant)),
    el("td", {}, Object.entries(facts).map(([name, values]) => `${name.replaceAll("_", " ")} ${values.join(", ")}`).join("; "))));
  const starts = run.invocations.map((one) => el("tr", {},
    [moment(one.started_at), one.ended_at ? moment(one.ended_at) : "not ended", one.exit_code ?? NONE].map((value) =>
      el("td", { class: "nowrap" }, value)), el("td", {}, el("code", {}, one.command))));
  return el("div", {},
    definitions([
      ["description", run.description], ["folder", data.folder], ["run id", run.run_id], ["prompts", prompts], ["shard", run.shard],
      ["harness", last.harness], ["python", last.python && `${last.python} on ${last.platform}`], written,
    ], { class: "facts" }),
    table("Starts of the run", ["started", "ended", "exit code", "command"].map((label) => ({ label })),
      el("tbody", {}, starts)),
    el("details", {}, el("summary", {}, "What was served"),
      table("What was served", [{ label: "variant" }, { label: "as served" }], el("tbody", {}, served))),
    el("details", {}, el("summary", {}, "Packages"),
      definitions(Object.entries(last.packages || {}), { class: "facts" })));
}
