// The page of a coder: the next item, its labels, skip, undo.

import { RubricForm } from "./form.js";
import { showItem, stopwatch } from "./item.js";
import { heedKeys } from "./keys.js";
import { ask, askName, at, helpOpens, say, show, once } from "./page.js";

const form = new RubricForm();
let coder = null;
let item = null;

function take(told) {
  item = told.item;
  const { done, of, training_done, training_of, skipped } = told.progress;
  const isTraining = item?.training ?? false;
  const later = skipped ? `, ${skipped} skipped` : "";
  at("told").textContent = isTraining ? `Training: ${training_done} of ${training_of}${later}` : `${done} of ${of}${later}`;
  at("progress").max = Math.max(1, isTraining ? training_of : of);
  at("progress").value = isTraining ? training_done : done;
  say(told.notice);
  if (!item) {
    at("finished-text").textContent = `You have labelled ${done} of ${of}${training_of ? `, and ${training_done} of ${training_of} for training` : ""}. Thank you.`;
    show("finished");
    at("finished").focus();
    return;
  }
  show("work");
  form.labels = item.values;
  showItem(item);
}

const about = () => ({ coder, item: item.id, seconds: stopwatch.seconds });

heedKeys(form, {
  save: () =>
    once(async () => {
      if (!form.isComplete) return say("Something is missing.", true);
      take(await ask("coding/save", { ...about(), labels: form.labels }));
    }),
  skip: () => once(async () => take(await ask("coding/skip", about()))),
  undo: () => once(async () => take(await ask("coding/undo", { coder }))),
});
helpOpens();

askName("coder", async (name, isNew) => {
  const told = await ask("coding/begin", { coder: name, is_new: isNew });
  if (told.unknown !== undefined) {
    return `Nobody called ${told.unknown} has labelled here. Known: ${told.coders.join(", ")}. Are you a new coder?`;
  }
  coder = told.coder;
  sessionStorage.setItem("coder", coder);
  at("who").textContent = coder;
  take(told);
  return null;
});
