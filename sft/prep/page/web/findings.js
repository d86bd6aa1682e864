// What the checks found: the worst first, each with its examples and, where it gives the label away, how purely.

const SIGNS = { error: "✗", warning: "!", info: "i" };
const OPEN = 2;
const RANK = Object.keys(SIGNS);
const FOUND = R.findings.map((finding, number) => ({ ...finding, rows: DATA.examples.findings[number] || [] }))
  .sort((a, b) => RANK.indexOf(a.severity) - RANK.indexOf(b.severity));
const howMany = (severity) => FOUND.filter((finding) => finding.severity === severity).length;

const ALL = {};
for (const labels of Object.values(R.labels)) for (const [label, n] of Object.entries(labels)) ALL[label] = (ALL[label] || 0) + n;
const LABELLED = sum(Object.values(ALL));

function drawFindings() {
  if (!FOUND.length) return el("p", { class: "card clean" }, el("span", { class: "sign", "aria-hidden": "true" }, "✓"), " ", T.clean);
  const notes = FOUND.filter((finding) => finding.severity === "info");
  return [el("div", { class: "findings" }, FOUND.filter((finding) => !notes.includes(finding)).map(card)),
    el("div", { class: "findings notes" }, notes.map(card))];
}

function card(finding) {
  const { id, severity, count: n, message, hint, rows } = finding;
  return el("article", { class: `card finding ${severity}${finding.figures && finding.figures.phrases ? " wide" : ""}`, "data-finding": id },
    el("header", {}, el("span", { class: "sign", "aria-hidden": "true" }, SIGNS[severity]), el("h3", {}, el("span", { class: "severity" }, T[severity]), " ", el("code", {}, id)),
      el("span", { class: "times" }, "× " + count(n)), severity === "error" && el("span", { class: "chip" }, T.allowed)),
    el("p", { class: "message" }, message),
    hint && el("p", { class: "todo" }, el("strong", {}, T.todo + ": "), hint),
    score(finding.figures), purity(finding.figures),
    examplesOf(rows, severity === "info" ? 0 : OPEN), named(finding));
}

// The first few stand open where something should be done about them.
function examplesOf(rows, open) {
  const rest = rows.slice(open);
  return [open > 0 && rows.length > 0 && el("ul", { class: "examples" }, rows.slice(0, open).map(example)),
    rest.length > 0 && el("details", {}, el("summary", {}, fill(open ? T.furtherExamples : T.examples, { n: rest.length })), el("ul", { class: "examples" }, rest.map(example)))];
}

// The ids, where no text is shown for them.
function named({ examples, named: every, rows }) {
  const told = new Set(rows.flat().map((row) => row.id));
  const rest = examples.slice(rows.length).filter((name) => !told.has(name));
  return rest.length > 0 && el("p", { class: "ids" }, rest.map((name) => [el("code", { title: name }, short(name)), " "]), every > examples.length && el("span", { class: "muted" }, fill(T.named, { n: count(every - examples.length) })));
}

function score(figures) {
  if (!figures || !figures.n) return null;
  const line = (name, part, kind) => barLine(name, kind, part / figures.n, el("span", { title: fill(T.scored, { part, n: figures.n }) }, percent(part, figures.n)));
  return el("ul", { class: "bars" }, line(T.majority, figures.plain, "quiet"), line(T.rule, figures.correct, "loud"));
}

function purity(figures) {
  if (!figures || !figures.phrases || !figures.phrases.length) return null;
  return [el("ul", { class: "bars phrases" }, figures.phrases.map(({ text, label, rows, hits }) =>
    barLine(el("q", { lang: tongue(text) }, text), "loud", hits / rows, [percent(hits, rows), " ", el("small", {}, fill(T.pure, { rows: count(rows), hits: count(hits), label }))], LABELLED ? (ALL[label] || 0) / LABELLED : undefined))),
  LABELLED > 0 && el("p", { class: "muted" }, T.share)];
}
