// Shows one item: what was asked, the answer, what is known; and how long it was looked at.

import { at, make } from "./page.js";

export function showItem(item) {
  const tags = [];
  if (item.training) tags.push(make("span", "tag training", "Training: this one is for practice"));
  if (item.simulated) tags.push(make("span", "tag simulated", "Simulated answer: no data"));
  at("tags").replaceChildren(...tags);
  at("turns").replaceChildren(...item.turns.flatMap(turn));
  const answer = at("answer");
  answer.replaceChildren(item.answer === "" ? make("span", "quiet", "The answer is empty.") : item.answer);
  answer.classList.toggle("simulated", item.simulated);
  answer.scrollTop = 0;
  at("cut-off").hidden = !item.cut_off;
  showGold(item.gold);
  scrollTo(0, 0);
  at("work").querySelector(".reading").scrollTop = 0;
  answer.focus({ preventScroll: true });
  stopwatch.start();
}

function turn({ role, text }, index, turns) {
  const shown = make("div", "text", text);
  shown.dir = "auto";
  return turns.length === 1 ? [shown] : [make("p", "role quiet", role), shown];
}

function showGold(gold) {
  at("gold").hidden = !gold;
  if (!gold) return;
  at("gold-label").textContent = gold.label ?? "";
  at("gold-label").hidden = gold.label === null;
  at("gold-points").replaceChildren(...gold.points.map((point) => make("li", "text", point)));
  at("gold-refs").replaceChildren(...gold.refs.map(reference));
}

function reference(text) {
  const line = make("li");
  if (!/^https?:\/\//.test(text)) {
    line.textContent = text;
    return line;
  }
  const link = make("a", "", text);
  link.href = text;
  link.target = "_blank";
  link.rel = "noopener noreferrer";
  line.append(link);
  return line;
}

// Seconds on screen; a tab in the background does not count.
class Stopwatch {
  #total = 0;
  #since = null;

  constructor() {
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.#pause();
      else if (this.#since === null) this.#since = performance.now();
    });
  }

  start() {
    this.#total = 0;
    this.#since = document.hidden ? null : performance.now();
  }

  get seconds() {
    return (this.#total + (this.#since === null ? 0 : performance.now() - this.#since)) / 1000;
  }

  #pause() {
    if (this.#since !== null) this.#total += performance.now() - this.#since;
    this.#since = null;
  }
}

export const stopwatch = new Stopwatch();
