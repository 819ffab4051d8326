// Elements, text and numbers. Text reaches the page as text nodes only, and characters that act are spelt out first.

// The same characters as harness.terminal.visible, which says why; newlines and tabs stay.
const ACTING = new RegExp(
  "[\\u0000-\\u0008\\u000b-\\u001f\\u007f-\\u009f\\ud800-\\udfff\\u061c\\u200e\\u200f\\u202a-\\u202e\\u2066-\\u2069" +
  "\\u00ad\\u180e\\u200b\\u2028\\u2029\\u2060-\\u2065\\u206a-\\u206f\\ufeff\\ufff9-\\ufffb\\u{e0000}-\\u{e007f}]", "gu");
const NONE = "–";

function visible(text) {
  return String(text).replace(/\r\n/g, "\n").replace(ACTING, (character) => {
    const code = character.codePointAt(0);
    const named = { 13: "\\r", 8: "\\b", 12: "\\f" }[code];
    if (named) return named;
    if (code <= 0xff) return "\\x" + code.toString(16).padStart(2, "0");
    return code <= 0xffff ? "\\u" + code.toString(16).padStart(4, "0") : "\\U" + code.toString(16).padStart(8, "0");
  });
}

function filled(element, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value === null || value === undefined || value === false) continue;
    if (typeof value === "function") element.addEventListener(name, value);
    else element.setAttribute(name, value === true ? "" : visible(value));
  }
  for (const child of children.flat(Infinity)) {
    if (child === null || child === undefined) continue;
    element.append(child instanceof Node ? child : document.createTextNode(visible(child)));
  }
  return element;
}

function el(tag, attributes = {}, ...children) {
  return filled(document.createElement(tag), attributes, children);
}

function svg(tag, attributes = {}, ...children) {
  return filled(document.createElementNS("http://www.w3.org/2000/svg", tag), attributes, children);
}

const byId = (id) => document.getElementById(id);

function count(value) {
  return value === null || value === undefined ? NONE : value.toLocaleString("en");
}

function amount(value) {
  if (value === null || value === undefined) return NONE;
  if (value < 100000) return count(value);
  return value < 1e6 ? `${(value / 1e3).toFixed(0)}k` : `${(value / 1e6).toFixed(2)}M`;
}

function digits(value, most = 2) {
  if (value === null || value === undefined) return NONE;
  const size = Math.abs(value);
  const shown = value.toFixed(size >= 100 ? 0 : size >= 10 ? Math.min(1, most) : most);
  return (Number(shown) === 0 ? shown.replace("-", "") : shown).replace("-", "−");
}

function seconds(value) {
  return value === null || value === undefined ? NONE : `${digits(value)} s`;
}

function share(value, most = 1) {
  return value === null || value === undefined ? NONE : `${(100 * value).toFixed(most)} %`;
}

function dollars(value) {
  if (value === null || value === undefined) return NONE;
  return value >= 0.1 || value === 0 ? `$${value.toFixed(2)}` : `$${value.toPrecision(2)}`;
}

function moment(text) {
  return text ? text.slice(0, 19).replace("T", " ") + text.slice(19).replace(/\.\d+/, "").replace("+00:00", " UTC") : NONE;
}

// Long names may break where their parts meet.
function breakable(name) {
  return String(name).split(/(?<=[_/-])|(?=@)/).flatMap((part, place) => (place ? [el("wbr"), part] : [part]));
}

// Text as it is, its first `most` characters until somebody asks for the rest; `needle` in lower case is marked.
function passage(text, { most = 20000, needle = "" } = {}) {
  const box = el("div", { class: "text", dir: "auto" });
  const fill = (shown) => box.replaceChildren(...(shown.length <= most ? marked(visible(shown), needle)
    : blocks(visible(shown)).map((block) => el("div", { class: "block" }, marked(block, needle)))));
  if (text === "") box.append(el("span", { class: "faint" }, "(empty)"));
  else if (text.length <= most) fill(text);
  else {
    fill(beginning(text, most));
    const more = el("button", { type: "button", class: "more", click: () => fill(text) },
      `Show all ${count(text.length)} characters`);
    box.append(el("span", { class: "faint" }, " … "), more);
  }
  return box;
}

// At most `most` code units of `text`, none of them half a character.
function beginning(text, most) {
  const isHalf = text.length > most && /[\ud800-\udbff]/.test(text[most - 1]);
  return text.slice(0, isHalf ? most - 1 : most);
}

// A long text in parts, so that the browser lays out those in sight only; they end where a line or a word does.
function blocks(text, size = 8000) {
  const parts = [];
  for (let from = 0; from < text.length;) {
    const part = beginning(text.slice(from, from + size + 1), size);
    const isLast = from + part.length === text.length;
    const end = isLast ? part.length : part.lastIndexOf("\n") + 1 || part.lastIndexOf(" ") + 1 || part.length;
    parts.push(part.slice(0, end));
    from += end;
  }
  return parts;
}

function marked(text, needle, most = 300) {
  if (!needle) return [document.createTextNode(text)];
  const parts = [], lower = text.toLowerCase();
  let from = 0;
  for (let at = lower.indexOf(needle); at >= 0 && parts.length < 2 * most; at = lower.indexOf(needle, from)) {
    parts.push(document.createTextNode(text.slice(from, at)), el("mark", {}, text.slice(at, at + needle.length)));
    from = at + needle.length;
  }
  return [...parts, document.createTextNode(text.slice(from))];
}

function definitions(pairs, attributes = {}) {
  const known = pairs.filter(([, value]) => value !== null && value !== undefined && value !== "");
  return el("dl", attributes, known.map(([name, value]) => el("div", {}, el("dt", {}, name), el("dd", {}, value))));
}

function table(caption, headings, rows, attributes = {}) {
  const head = headings.map((heading) => el("th", { scope: "col", class: heading.class }, heading.label));
  return el("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption },
    el("table", attributes, el("caption", { class: "unseen" }, caption), el("thead", {}, el("tr", {}, head)), rows));
}
