// The answers as columns: what they say, which of them are asked for, and in which order. Knows no element of the page.

const ALL = "";
const LEAST_SURE_FIRST = { mean_logprob: 1, min_logprob: 1, perplexity: -1, mean_margin: 1, mean_entropy: -1, yes_no_margin: 1 };

function makeAnswers({ answers, prompts, values, vocabulary }) {
  const size = answers.item_id.length;
  const everything = Array.from({ length: size }, (_, index) => index);
  const ofPrompt = new Map();
  everything.forEach((index) => {
    const place = answers.prompt[index];
    if (!ofPrompt.has(place)) ofPrompt.set(place, []);
    ofPrompt.get(place).push(index);
  });
  const at = (name, index) => (values[name] ? values[name][answers[name][index]] : answers[name][index]);
  const prompt = (name, index) => prompts[name][answers.prompt[index]];
  const measure = (name, index) => answers.uncertainty[index]?.[values.uncertainty.indexOf(name)] ?? null;

  // Lower case once, at the latest when first searched: opening the page need not wait for it.
  let lower = null;
  const lowered = () => (lower ??= {
    prompts: prompts.id.map((id, place) => [id, prompts.text[place],
      ...(prompts.messages[place] || []).map((message) => message.content)].join("\n").toLowerCase()),
    answers: everything.map((index) => [answers.full_response[index], answers.thinking[index], answers.error[index],
      answers.item_id[index], answers.request_id[index]].join("\n").toLowerCase()),
  });

  function matching({ query, variant, category, reason, probe }) {
    const needle = query.trim().toLowerCase();
    const variants = values.variant.map((name) => variant === ALL || name === variant);
    const reasons = values.reason.map((name) => reason === ALL || name === reason);
    const asked = prompts.id.map((_, place) =>
      (category === ALL || JSON.stringify(prompts.category[place]) === category) &&
      (probe === ALL || prompts.probe[place] === probe));
    const inPrompt = needle ? lowered().prompts.map((text) => text.includes(needle)) : null;
    return everything.filter((index) => variants[answers.variant[index]] && reasons[answers.reason[index]] &&
      asked[answers.prompt[index]] &&
      (!needle || inPrompt[answers.prompt[index]] || lower.answers[index].includes(needle)));
  }

  const keys = {
    prompt: (index) => answers.prompt[index],
    slowest: (index) => negated(answers.elapsed_seconds[index]),
    longest: (index) => negated(answers.output_tokens[index]),
  };
  function ordered(indices, order, isReversed) {
    const direction = isReversed ? -1 : 1;
    const key = LEAST_SURE_FIRST[order]
      ? (index) => times(measure(order, index), LEAST_SURE_FIRST[order]) : keys[order];
    if (!key) return isReversed ? indices.reverse() : indices;
    // What has no value stands last either way.
    return indices.map((index) => [key(index), index]).sort(([one, first], [other, second]) => {
      if (one === null || other === null) return (one === null) - (other === null) || first - second;
      return direction * (one - other) || first - second;
    }).map(([, index]) => index);
  }

  return { size, answers, values, at, prompt, measure, matching, ordered, vocabulary, prompts, prepare: lowered,
    indexOf: (itemId) => answers.item_id.indexOf(itemId),
    besides: (index) => [...ofPrompt.get(answers.prompt[index])].sort((one, other) =>
      at("variant", one).localeCompare(at("variant", other)) || answers.repeat[one] - answers.repeat[other]) };
}

function negated(value) {
  return times(value, -1);
}

function times(value, factor) {
  return value === null || value === undefined ? null : value * factor;
}
