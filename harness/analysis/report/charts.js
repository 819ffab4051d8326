// Small pictures, drawn as inline SVG. Each says in words what it shows; none knows where its figures come from.

// Parts of a whole in a row; `parts` are `{label, value, class}`.
function stack(label, parts) {
  const total = parts.reduce((sum, part) => sum + part.value, 0);
  let left = 0;
  const bars = parts.filter((part) => part.value).map((part) => {
    const width = (100 * part.value) / total;
    const bar = svg("rect", { x: left, y: 0, width, height: 8, class: part.class },
      svg("title", {}, `${part.label}: ${count(part.value)}`));
    left += width;
    return bar;
  });
  return svg("svg", { viewBox: "0 0 100 8", preserveAspectRatio: "none", class: "stack", role: "img",
    "aria-label": label }, bars);
}

// Counts in bins; `ticks` are `{at, class, label}` with `at` from 0 to 1.
function histogram(label, counts, ticks) {
  const most = Math.max(...counts, 1);
  const bars = counts.map((value, place) => {
    const height = value ? Math.max(1, (26 * value) / most) : 0;
    return svg("rect", { x: place * 5, y: 28 - height, width: 4.4, height, class: "bar" });
  });
  const lines = ticks.map((tick) => svg("line",
    { x1: tick.at * counts.length * 5, x2: tick.at * counts.length * 5, y1: 0, y2: 28, class: tick.class },
    svg("title", {}, tick.label)));
  return svg("svg", { viewBox: `0 0 ${counts.length * 5} 30`, class: "histogram", role: "img", "aria-label": label },
    svg("line", { x1: 0, x2: counts.length * 5, y1: 28.5, y2: 28.5, class: "axis" }), bars, lines);
}

// Several counts per bin on top of each other, all drawn to the height `most`; `layers` are `{label, counts, class}`.
function timeline(label, bins, most, layers, binLabel) {
  const bars = [];
  for (let bin = 0; bin < bins; bin++) {
    let top = 30;
    for (const layer of layers) {
      const value = layer.counts[bin];
      if (!value) continue;
      const height = (29 * value) / most;
      top -= height;
      bars.push(svg("rect", { x: bin + 0.06, y: top, width: 0.88, height, class: layer.class },
        svg("title", {}, `${binLabel(bin)}: ${count(value)} ${layer.label}`)));
    }
  }
  return svg("svg", { viewBox: `0 0 ${bins} 30`, preserveAspectRatio: "none", class: "timeline", role: "img",
    "aria-label": label }, svg("rect", { x: 0, y: 29.6, width: bins, height: 0.4, class: "axis" }), bars);
}

function logarithmic(value, [least, most]) {
  return Math.min(1, Math.max(0, Math.log(value / least) / Math.log(most / least)));
}
