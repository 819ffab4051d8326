// From keys to acts, on both pages. A key that a control on the page needs for itself stays its own.

import { at, isWriting } from "./page.js";

export function heedKeys(form, acts) {
  document.addEventListener("keydown", (event) => {
    if (at("help").open || event.altKey || event.metaKey || event.isComposing) return;
    if (isWriting(event.target)) {
      if (event.key === "Escape") event.target.blur();
      else if (event.key === "Enter" && event.ctrlKey && !at("work").hidden) run(event, acts.save);
      return;
    }
    if (event.ctrlKey || event.repeat) return;
    if (event.key === "?") run(event, () => at("help").showModal());
    else if (at("work").hidden) {
      if (!at("finished").hidden && ["u", "Backspace"].includes(event.key)) run(event, acts.undo);
    } else if (event.key === "Enter") {
      const isOwn = event.target instanceof Element && event.target.closest("button, a, summary");
      if (!isOwn) run(event, acts.save);
    } else if (event.key === "u" || event.key === "Backspace") run(event, acts.undo);
    else if (event.key === "k") run(event, acts.skip);
    else if (event.key === "/") run(event, () => form.write());
    else if (form.press(event.key)) event.preventDefault();
  });
  at("labels").addEventListener("submit", (event) => {
    event.preventDefault();
    acts.save();
  });
  at("skip").addEventListener("click", acts.skip);
  at("undo").addEventListener("click", acts.undo);
  at("undo-last").addEventListener("click", acts.undo);
}

function run(event, act) {
  event.preventDefault();
  act();
}
