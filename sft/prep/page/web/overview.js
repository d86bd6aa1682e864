// The head of the page: what was read, what became of it, where to go on.

function drawHead(sections) {
  const links = sections.filter(([, , body]) => body).map(([name, label]) => el("a", { href: "#" + name }, label));
  document.getElementById("head").append(
    el("div", { class: "brand" }, el("h1", {}, T.title), el("span", { class: "chip" }, el("code", {}, R.template)), el("span", { class: "chip" }, fill(T.task, { task: R.task }))),
    el("nav", { class: "contents" }, links));
}

function drawOverview() {
  const refused = R.read - R.kept, copies = R.copies || 0;
  const kept = SIDES.map((side) => [side, R.rows[side] - (side === "train" ? copies : 0)]);
  const parts = [...kept, [T.rejected, refused, "rejected"]].filter(([, n]) => n);
  const told = parts.map(([name, n]) => `${name} ${count(n)} (${percent(n, R.read)})`).join(", ");
  const chosen = Object.entries(R.choices);
  return el("div", { class: "card headline" },
    el("p", { class: "big" }, el("strong", {}, count(R.kept)), el("span", {}, fill(T.kept, { read: count(R.read) }))),
    strip(parts.map(([name, n, kind]) => [kind || name, n / Math.max(1, R.read)]), { role: "img", "aria-label": fill(T.account, { parts: told }) }),
    el("ul", { class: "key" }, parts.map(([name, n, kind]) => el("li", {}, el("span", { class: "swatch " + (kind || name), "aria-hidden": "true" }), name, " ", el("strong", {}, count(n)), " ", el("span", { class: "muted" }, percent(n, R.read))))),
    copies > 0 && el("p", { class: "muted" }, fill(T.copies, { n: count(copies) })),
    el("dl", { class: "tiles" },
      [["error", "errors"], ["warning", "warnings"], ["info", "notes"]].map(([severity, name]) => el("div", { class: `tile ${howMany(severity) ? severity : ""}` }, el("dt", {}, T[name]), el("dd", {}, howMany(severity)))),
      !R.choices.split_column && tile(T.valSplit, percent(R.split.val_split, 1)), tile(T.seed, R.split.seed)),
    chosen.length > 0 && el("p", { class: "choices" }, el("strong", {}, T.choices + ": "), chosen.map(([name, value]) => [el("code", {}, `${name}: ${plain(value)}`), " "])));
}

// A choice as words: lists and tables in a row.
function plain(value) {
  if (Array.isArray(value)) return value.map(plain).join("; ");
  if (value && typeof value === "object") return Object.entries(value).map(([name, one]) => `${name}=${plain(one)}`).join(", ");
  return String(value);
}
