// What both pages need: talking to the server, saying something, a name, help. Knows no rubric.
// Whatever comes from a record is put in as text, never as markup.

export const at = (id) => document.getElementById(id);

export function make(tag, className, text) {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text !== undefined) made.textContent = text;
  return made;
}

export async function ask(path, facts) {
  let response;
  try {
    response = await fetch(`/do/${path}`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify(facts),
    });
  } catch {
    throw new Error("NOT SAVED. The server does not answer. Start `harness annotate` again and open its new address in another tab; this page then goes on.");
  }
  const text = await response.text();
  if (response.headers.get("content-type") !== "application/json") throw new Error(text);
  const told = JSON.parse(text);
  if (!response.ok) throw new Error(told.error);
  return told;
}

export function say(text, isProblem = false) {
  const status = at("status");
  status.textContent = text ?? "";
  status.hidden = !text;
  status.classList.toggle("problem", isProblem);
}

export function show(section) {
  for (const id of ["welcome", "work", "finished"]) at(id).hidden = id !== section;
  at("progress-line").hidden = section === "welcome";
}

// One thing at a time: a second Enter must not save the next item unread.
let busy = false;
export async function once(act) {
  if (busy) return;
  busy = true;
  document.body.setAttribute("aria-busy", "true");
  try {
    await act();
  } catch (problem) {
    say(problem.message, true);
  } finally {
    busy = false;
    document.body.removeAttribute("aria-busy");
  }
}

// Calls `begin(name, isNew)` until it returns null; what it returns is a question for whoever gave an unknown name.
export function askName(key, begin) {
  const name = at("name");
  const go = (isNew) =>
    once(async () => {
      const question = await begin(name.value, isNew);
      at("confirm").hidden = !question;
      at("name-form").hidden = Boolean(question);
      if (question) {
        at("confirm-text").textContent = question;
        at("confirm-yes").focus();
      }
    });
  at("name-form").addEventListener("submit", (event) => {
    event.preventDefault();
    go(false);
  });
  at("confirm-yes").addEventListener("click", () => go(true));
  at("confirm-no").addEventListener("click", () => {
    at("confirm").hidden = true;
    at("name-form").hidden = false;
    name.select();
  });
  for (const known of document.querySelectorAll(".known")) {
    known.addEventListener("click", () => {
      name.value = known.dataset.name;
      go(false);
    });
  }
  // A reload goes on; another tab may be somebody else's.
  const kept = sessionStorage.getItem(key);
  if (kept) {
    name.value = kept;
    go(false);
  }
}

export function isWriting(target) {
  return target instanceof HTMLTextAreaElement || target?.id === "name";
}

export function helpOpens() {
  at("open-help").addEventListener("click", () => at("help").showModal());
}

// The token has become a cookie: it need not stand in the address, nor in the history.
history.replaceState(null, "", location.pathname);
