// A list of any length of which only the rows in sight exist. Knows nothing of what a row shows.

const ROW_HEIGHT = 62;
const SPARE_ROWS = 6;

// `drawRow(item)` gives the children of a row; `choose(item)` hears of every move, `open(item)` of Enter and clicks.
function makeList(box, { drawRow, choose, open }) {
  const space = el("div", { class: "space", role: "presentation" });
  box.append(space);
  let items = [], cursor = -1, drawn = "";

  function draw(force = false) {
    const first = Math.max(0, Math.floor(box.scrollTop / ROW_HEIGHT) - SPARE_ROWS);
    const last = Math.min(items.length, Math.ceil((box.scrollTop + box.clientHeight) / ROW_HEIGHT) + SPARE_ROWS);
    const key = `${first} ${last} ${cursor}`;
    if (key === drawn && !force) return;
    drawn = key;
    const rows = [];
    for (let place = first; place < last; place++) {
      const row = el("div", { class: "row", role: "option", id: `row-${place}`, "aria-selected": String(place === cursor),
        "aria-posinset": place + 1, "aria-setsize": items.length, click: () => { move(place); open(items[place]); } },
      drawRow(items[place]));
      row.style.transform = `translateY(${place * ROW_HEIGHT}px)`;
      rows.push(row);
    }
    space.replaceChildren(...rows);
    if (cursor >= first && cursor < last) box.setAttribute("aria-activedescendant", `row-${cursor}`);
    else box.removeAttribute("aria-activedescendant");
  }

  function keepInSight() {
    const top = cursor * ROW_HEIGHT;
    if (top < box.scrollTop) box.scrollTop = top;
    else if (top + ROW_HEIGHT > box.scrollTop + box.clientHeight) box.scrollTop = top + ROW_HEIGHT - box.clientHeight;
  }

  function move(place) {
    if (!items.length) return;
    cursor = Math.min(items.length - 1, Math.max(0, place));
    keepInSight();
    draw();
    choose(items[cursor]);
  }

  function show(newItems, keep) {
    items = newItems;
    space.style.height = `${items.length * ROW_HEIGHT}px`;
    cursor = items.length ? Math.max(0, items.indexOf(keep)) : -1;
    box.scrollTop = Math.max(0, cursor * ROW_HEIGHT - box.clientHeight / 2);
    draw(true);
    choose(cursor < 0 ? null : items[cursor]);
  }

  box.addEventListener("scroll", () => draw());
  new ResizeObserver(() => draw()).observe(box);
  box.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const page = Math.max(1, Math.floor(box.clientHeight / ROW_HEIGHT) - 1);
    const steps = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -items.length, End: items.length };
    if (event.key in steps) move(cursor + steps[event.key]);
    else if (event.key === "Enter" && cursor >= 0) open(items[cursor]);
    else return;
    event.preventDefault();
  });
  return { show, step: (by) => move(cursor + by), redraw: () => { keepInSight(); draw(true); }, chosen: () => (cursor < 0 ? null : items[cursor]),
    // Moves to `item`; false where it is not in the list.
    reach: (item) => items.includes(item) && (move(items.indexOf(item)), true) };
}
