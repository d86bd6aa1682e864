// Classes, lengths, rejects, sources, and rows as they are trained on.

const LISTED = 60;
const signed = (number) => (Math.abs(number) < 0.05 ? "0.0" : (number < 0 ? "−" : "+") + Math.abs(number).toFixed(1));

function table(head, rows) {
  return el("div", { class: "scroll" }, el("table", {}, el("thead", {}, el("tr", {}, head.map((text) => el("th", { scope: "col" }, text)))), el("tbody", {}, rows)));
}

function drawLabels() {
  const names = Object.keys(ALL).sort((a, b) => ALL[b] - ALL[a] || (a < b ? -1 : 1));
  if (!names.length) return null;
  const sides = Object.keys(R.labels), totals = Object.fromEntries(sides.map((side) => [side, sum(Object.values(R.labels[side]))]));
  const drifts = Object.keys(R.drift).length > 0;
  const row = (name) => el("tr", {}, el("th", { scope: "row" }, el("div", { class: "named" }, el("span", { lang: tongue(name) }, name), strip(sides.map((side) => [side, (R.labels[side][name] || 0) / ALL[names[0]]])))),
    sides.map((side) => el("td", {}, count(R.labels[side][name] || 0), " ", el("small", {}, percent(R.labels[side][name] || 0, totals[side])))),
    drifts && el("td", {}, name in R.drift ? signed(R.drift[name]) : "–"));
  const head = [T.label, ...sides.map((side) => [el("span", { class: "swatch " + side, "aria-hidden": "true" }), side]), ...(drifts ? [el("abbr", { title: T.drift }, "±")] : [])];
  const rest = names.slice(LISTED);
  return el("div", { class: "card classes" }, table(head, names.slice(0, LISTED).map(row)),
    drifts && el("p", { class: "muted" }, "±: " + T.drift),
    rest.length > 0 && el("details", {}, el("summary", {}, fill(T.fewer, { n: count(rest.length) })), table(head, rest.map(row))));
}

function drawLengths() {
  if (!R.lengths.rows) return null;
  const names = { prompt: T.prompt, answer: T.answerSide, total: T.total };
  const limits = IN_TOKENS ? Object.keys(R.lengths.cut).map(Number) : [];
  const ranks = ["p50", "p95", "p99", "max"];
  return el("div", { class: "card" },
    el("p", { class: "muted" }, IN_TOKENS ? fill(T.tokens, { tokenizer: R.lengths.tokenizer }) : T.characters),
    el("div", { class: "plots" }, Object.entries(names).map(([name, label]) => histogram(name, label, limits))),
    table(["", ...ranks], Object.entries(names).map(([name, label]) => el("tr", {}, el("th", { scope: "row" }, label), ranks.map((rank) => el("td", {}, count(R.lengths[name][rank])))))),
    IN_TOKENS && [el("h3", {}, T.limits), el("ul", { class: "bars limits" }, limits.map((limit) => barLine(fill(T.limit, { limit: count(limit) }), "rejected", R.lengths.cut[limit], percent(R.lengths.cut[limit], 1))))]);
}

function drawRejects() {
  const reasons = Object.entries(R.rejected);
  if (!reasons.length) return null;
  const most = Math.max(...reasons.map(([, n]) => n));
  return el("div", { class: "card" }, el("ul", { class: "rejects" }, reasons.map(([reason, n]) => {
    const first = DATA.examples.rejects[reason];
    return el("li", {}, el("ul", { class: "bars" }, barLine(el("code", {}, reason), "rejected", n / most, [count(n), " ", el("small", {}, percent(n, R.read))])),
      first && el("p", { class: "muted" }, el("span", { title: first.where }, fill(T.first, { where: short(first.where) })), first.detail && ` · ${first.detail}`),
      first && first.excerpt.trim() && el("pre", { lang: tongue(first.excerpt) }, first.excerpt));
  })), el("p", { class: "muted" }, T.rejectHint));
}

function drawSources() {
  if (!R.sources.length) return null;
  const most = Math.max(1, ...R.sources.map((source) => source.rows));
  return el("div", { class: "card sources" }, table([T.source, T.rows, T.keptRows, T.rejected], R.sources.map((source) => {
    const gone = source.rows - source.kept;
    const how = [...new Set([source.format, source.detail, source.encoding])].filter(Boolean).join(" · ");
    const columns = Object.entries(source.columns || {}).map(([name, column]) => [el("span", { class: "pairing" }, `${name} ← ${column}`), " "]);
    return [el("tr", { class: "one" }, el("th", { scope: "row" }, el("code", {}, source.path), source.side && [" ", el("span", { class: "chip" }, fill(T.heldOut, { side: source.side }))]),
      el("td", {}, count(source.rows)), el("td", {}, count(source.kept)), el("td", {}, count(gone), gone > 0 && [" ", el("small", {}, percent(gone, source.rows))])),
    el("tr", { class: "more" }, el("td", { colspan: 4 }, strip([["keep", source.kept / most], ["rejected", gone / most]]), el("p", { class: "muted" }, how), columns.length > 0 && el("p", { class: "muted" }, columns)))];
  })));
}

function drawSamples() {
  const { samples } = DATA.examples;
  if (!samples.length) return null;
  return el("div", { class: "samples" }, el("p", { class: "muted" }, T.sampleHint), samples.map(({ id, size: [prompt, answer], turns }) => el("article", { class: "card sample" },
    el("p", { class: "about" }, el("code", {}, id), el("span", { class: "muted" }, fill(IN_TOKENS ? T.tokenSize : T.characterSize, { prompt: count(prompt), answer: count(answer) }))),
    turns.map(([role, learnt, text]) => el("div", { class: "turn" + (learnt ? " learnt" : "") },
      el("p", { class: "role" }, el("code", {}, role), learnt && el("span", { class: "badge good" }, T.learnt)), el("pre", { lang: tongue(whole(text)) }, shown(text)))))));
}
