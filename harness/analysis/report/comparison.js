// The comparison: one measure at a time, variants against categories.

const MEASURES = {
  share_refused: { label: "share refused", form: share, group: "answers" },
  share_truncated: { label: "share cut off", form: share, group: "answers" },
  output_tokens: { label: "mean output tokens", form: digits, group: "answers" },
  seconds: { label: "mean seconds", form: digits, group: "answers" },
  mean_logprob: { label: "mean logprob", form: (value) => digits(value, 3), group: "uncertainty" },
  min_logprob: { label: "least logprob", form: digits, group: "uncertainty" },
  perplexity: { label: "perplexity", form: (value) => digits(value, 3), group: "uncertainty" },
  mean_margin: { label: "mean top-1/top-2 margin", form: (value) => digits(value, 3), group: "uncertainty" },
  mean_entropy: { label: "mean entropy of the top list, nats", form: (value) => digits(value, 3), group: "uncertainty" },
  yes_no_margin: { label: "yes/no margin", form: (value) => digits(value, 3), group: "uncertainty" },
};
const COUNTED = { answers: "answers", refused: "refused", truncated: "cut off", failed: "failed items" };
const PROBE_LABELS = { all: "all prompts", real: "real", synthetic: "synthetic", unknown: "not said" };

function measureNamed(name) {
  if (MEASURES[name]) return MEASURES[name];
  const isShare = name.startsWith("share_");
  const words = name.replace(/^(share|mean)_heuristic_/, "").replaceAll("_", " ");
  return { label: `heuristic: ${words}${isShare ? ", share" : ", mean number"}`, group: "heuristic marks",
    form: isShare ? share : digits };
}

function showComparison(section) {
  const cells = new Map(data.comparison.map((cell) => [cellKey(cell.variant, cell.scope, cell.category, cell.probe), cell]));
  const measured = [...new Set(data.comparison.flatMap((cell) => Object.keys(cell.means)))];
  const names = [...Object.keys(MEASURES).filter((name) => measured.includes(name)),
    ...measured.filter((name) => !MEASURES[name]).sort()];
  const measure = el("select", { id: "measure" });
  for (const group of ["answers", "uncertainty", "heuristic marks"]) {
    const options = names.filter((name) => measureNamed(name).group === group);
    if (options.length) measure.append(el("optgroup", { label: group }, options.map((name) =>
      el("option", { value: name }, measureNamed(name).label))));
  }
  measure.append(el("optgroup", { label: "counts of items" }, Object.entries(COUNTED).map(([name, label]) =>
    el("option", { value: `count ${name}` }, `number of ${label}`))));
  const probes = Object.keys(PROBE_LABELS).filter((probe) => data.comparison.some((cell) => cell.probe === probe));
  const probe = el("select", { id: "scope" }, probes.map((name) => el("option", { value: name }, PROBE_LABELS[name])));
  const place = el("div", { id: "matrix" });
  const draw = () => place.replaceChildren(matrix(cells, measure.value, probe.value, probes));
  measure.addEventListener("change", draw);
  probe.addEventListener("change", draw);
  const some = data.comparison.some((cell) => cell.simulated);
  section.append(el("div", { class: "column" }, el("h2", {}, "Variants by category and by kind of prompt"),
    el("div", { class: "controls" }, el("label", {}, "Measure", measure), el("label", {}, "Categories over", probe)),
    some && !names.length ? el("p", { class: "faint" }, "Every answer here is simulated, so there are counts and no rates.") : null,
    place,
    el("p", { class: "faint" }, "Small figures say how many answers a share or a mean is of. A dash stands where there ",
      "is none", some ? "; simulated answers are in no share and no mean" : "",
      ". Uncertainty is over the recorded tokens, from logprobs before temperature where they are known. Rates from ",
      "people's labels are the agreement command's.")));
  draw();
}

const cellKey = (...parts) => JSON.stringify(parts);

function matrix(cells, name, probe, probes) {
  const categories = [...new Set(data.comparison.filter((cell) => cell.scope === "category").map((cell) => cell.category))]
    .sort((one, other) => String(one).localeCompare(String(other)));
  const columns = [
    ...probes.map((of) => ({ label: PROBE_LABELS[of], key: (variant) => cellKey(variant, "all", null, of) })),
    ...categories.map((category) => ({
      label: category === null ? ["no category"] : breakable(category),
      key: (variant) => cellKey(variant, "category", category, probe),
    })),
  ];
  const counted = name.startsWith("count ") ? name.slice(6) : null;
  const { form, label } = counted ? { form: count, label: `number of ${COUNTED[counted]}` } : measureNamed(name);
  const valueOf = (cell) => {
    if (!cell) return null;
    return counted ? cell.counts[counted] : cell.means[name]?.[0] ?? null;
  };
  const values = data.comparison.map(valueOf).filter((value) => value !== null);
  const least = Math.min(...values), most = Math.max(...values);
  const rows = data.overview.variants.map((facts) => el("tr", {},
    el("th", { scope: "row" }, breakable(facts.variant), " ", simulatedMark(facts.simulated)),
    columns.map((column, place) => {
      const cell = cells.get(column.key(facts.variant)), value = valueOf(cell);
      const edge = place === probes.length ? " edge" : "";
      if (value === null) return el("td", { class: `number faint${edge}` }, NONE);
      const heat = counted || most === least ? 0 : Math.round((6 * (value - least)) / (most - least));
      return el("td", { class: `number heat${heat}${edge}` }, form(value),
        counted ? null : el("small", {}, count(cell.means[name][1])));
    })));
  return table(label, [{ label: "variant" }, ...columns.map((column, place) =>
    ({ label: column.label, class: place === probes.length ? "number edge" : "number" }))],
  el("tbody", {}, rows), { class: "matrix" });
}
