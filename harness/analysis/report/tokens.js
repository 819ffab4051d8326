// The token view: recorded tokens coloured by their logprob, the top list of one at a time. `tokens.py` writes the code.

const LEAST_PROBABILITIES = [0.9, 0.7, 0.5, 0.3, 0.1, 0];

function decodeTokens(code, vocabulary) {
  const number = (text) => parseInt(text, 36);
  const logprob = (text) => (text === "" ? null : -number(text) / 10000);
  return code.split(";").map((position) => {
    const [sampled, raw, ...pairs] = position.split(",");
    const top = [];
    for (let place = 0; place < pairs.length; place += 2) {
      top.push({ text: vocabulary[number(pairs[place])], logprob: logprob(pairs[place + 1]) });
    }
    const outside = sampled.startsWith("~") ? sampled.slice(1).split("~") : null;
    const own = outside ? { text: vocabulary[number(outside[0])], logprob: logprob(outside[1]) } : top[number(sampled)];
    return { ...own, raw: logprob(raw), top, place: outside ? -1 : number(sampled) };
  });
}

const shownToken = (text) => (text === "" ? "∅" : visible(text).replaceAll("\n", "↵").replaceAll("\t", "⇥"));
const spacedToken = (text) => shownToken(text).replaceAll(" ", "·");
const levelOf = (logprob) => (logprob === null ? "unknown" : LEAST_PROBABILITIES.findIndex((least) => Math.exp(logprob) >= least));
const nats = (logprob) => (logprob === null ? "unknown" : logprob === 0 ? "0.0000" : `−${Math.abs(logprob).toFixed(4)}`);

function tokenView(tokens) {
  const tip = el("div", { class: "tip", role: "tooltip", id: "tip", hidden: true });
  const box = el("div", { class: "tokens", role: "group", "aria-label": "Recorded tokens: left and right arrows move, Escape hides the list" });
  const buttons = tokens.map((token, place) => el("button", {
    type: "button", class: `token level-${levelOf(token.logprob)}`, tabindex: place ? "-1" : "0",
    "aria-label": `token ${place + 1}, ${shownToken(token.text)}, logprob ${nats(token.logprob)}` +
      (token.logprob === null ? "" : `, probability ${share(Math.exp(token.logprob))}`),
  }, shownToken(token.text)));
  buttons.forEach((button, place) => {
    box.append(button);
    for (let breaks = tokens[place].text.split("\n").length; breaks > 1; breaks--) box.append(el("br"));
  });
  box.append(tip);

  let shown = -1;
  const hide = () => {
    if (shown >= 0) buttons[shown].removeAttribute("aria-describedby");
    shown = -1;
    tip.hidden = true;
  };
  const show = (place) => {
    hide();
    shown = place;
    tip.replaceChildren(...topList(tokens[place], place));
    tip.hidden = false;
    const button = buttons[place];
    button.setAttribute("aria-describedby", "tip");
    tip.style.left = `${Math.max(0, Math.min(button.offsetLeft, box.clientWidth - tip.offsetWidth))}px`;
    const isLow = button.getBoundingClientRect().bottom + tip.offsetHeight + 8 > window.innerHeight;
    tip.style.top = `${isLow ? button.offsetTop - tip.offsetHeight - 2 : button.offsetTop + button.offsetHeight + 2}px`;
  };
  const placeOf = (event) => buttons.indexOf(event.target.closest(".token"));
  box.addEventListener("mouseover", (event) => placeOf(event) >= 0 && show(placeOf(event)));
  box.addEventListener("mouseleave", hide);
  box.addEventListener("focusout", hide);
  box.addEventListener("focusin", (event) => {
    const place = placeOf(event);
    if (place < 0) return;
    buttons.forEach((button, other) => button.setAttribute("tabindex", other === place ? "0" : "-1"));
    show(place);
  });
  box.addEventListener("keydown", (event) => {
    const place = placeOf(event);
    const target = { ArrowRight: place + 1, ArrowLeft: place - 1, Home: 0, End: buttons.length - 1 }[event.key];
    if (target !== undefined) buttons[Math.min(buttons.length - 1, Math.max(0, target))].focus();
    else if (event.key === "Escape" && !tip.hidden) hide();
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return box;
}

function topList(token, place) {
  const rows = token.top.map((one, rank) => ({ ...one, isSampled: rank === token.place }));
  if (token.place < 0) rows.push({ text: token.text, logprob: token.logprob, isSampled: true });
  const known = token.top.filter((one) => one.logprob !== null);
  const rest = 1 - known.reduce((sum, one) => sum + Math.exp(one.logprob), 0);
  return [
    el("p", { class: "tip-head" }, `token ${place + 1}: `, el("b", {}, spacedToken(token.text)),
      ` ${nats(token.logprob)}`),
    el("table", {}, el("tbody", {}, rows.map((one) => {
      const probability = one.logprob === null ? 0 : Math.exp(one.logprob);
      return el("tr", { class: one.isSampled ? "sampled" : null },
        el("td", {}, one.isSampled ? "▸" : ""), el("td", { class: "token-text" }, spacedToken(one.text)),
        el("td", {}, svg("svg", { viewBox: "0 0 60 8", class: "probability", "aria-hidden": "true" },
          svg("rect", { x: 0, y: 0, width: 60, height: 8, class: "empty-bar" }),
          svg("rect", { x: 0, y: 0, width: 60 * Math.min(1, probability), height: 8, class: "bar" }))),
        el("td", { class: "number" }, one.logprob === null ? NONE : share(probability, 2)),
        el("td", { class: "number faint" }, nats(one.logprob)));
    }))),
    el("p", { class: "faint" }, token.top.length ? `everything else ${share(Math.max(0, rest), 2)}` : "no top list was recorded",
      token.raw === null ? "" : `; before temperature ${nats(token.raw)}`),
  ];
}

function tokenLegend() {
  const labels = ["p ≥ 0.9", "≥ 0.7", "≥ 0.5", "≥ 0.3", "≥ 0.1", "< 0.1"];
  return el("p", { class: "legend" }, labels.map((label, level) => el("span", { class: `token level-${level}` }, label)));
}
