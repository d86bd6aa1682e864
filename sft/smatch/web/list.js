// The list: what the address says (search, order, filters) decides which pairs it shows; rows are made as one scrolls.

const PAGE = 60;
const ORDERS = {
  worst: (a, b) => a.f1 - b.f1 || lost(b) - lost(a) || a.number - b.number,
  lost: (a, b) => lost(b) - lost(a) || a.number - b.number,
  best: (a, b) => b.f1 - a.f1 || b.goldSize - a.goldSize || a.number - b.number,
  file: (a, b) => a.number - b.number,
  size: (a, b) => b.goldSize + b.predSize - a.goldSize - a.predSize || a.number - b.number,
};
const FILTERS = { unparsable: (pair) => pair.unparsable, mended: (pair) => pair.mended, open: (pair) => !pair.proven };
const lost = (pair) => pair.predSize + pair.goldSize - 2 * pair.matched;

let VIEW = { q: "", sort: "worst", bin: null, only: [], pair: null };
let FOUND = [];

function viewOf(hash) {
  const given = new URLSearchParams(hash.replace(/^#/, ""));
  const bin = given.get("bin");
  return {
    q: given.get("q") || "",
    sort: given.get("sort") in ORDERS ? given.get("sort") : "worst",
    bin: /^(\d|10)$/.test(bin || "") ? Number(bin) : null,
    only: (given.get("only") || "").split(",").filter((name) => name in FILTERS),
    pair: given.get("pair"),
  };
}

function hashOf(view) {
  const kept = new URLSearchParams();
  if (view.pair !== null) kept.set("pair", view.pair);
  if (view.q) kept.set("q", view.q);
  if (view.sort !== "worst") kept.set("sort", view.sort);
  if (view.bin !== null) kept.set("bin", view.bin);
  if (view.only.length) kept.set("only", view.only.join(","));
  return "#" + kept.toString();
}

function haystack(pair) {
  if (pair.folded === undefined) {
    const concepts = [...pair.gold.lines, ...pair.pred.lines].map((line) => (line.length > 4 ? line[4] : typeof line[3] === "string" ? line[3] : ""));
    const raw = pair.unparsable ? [pair.pred.text] : [];
    pair.folded = [pair.id, pair.sentence, ...new Set(concepts), ...raw].map(fold).join("");
  }
  return pair.folded;
}

// Every word typed must begin a word of the pair; a word with signs in it, as an id has, must stand there whole.
function search(view) {
  const words = view.q.split(/\s+/).map(fold).filter((word) => word.trim());
  const kept = PAIRS.filter((pair) =>
    (view.bin === null || binOf(pair) === view.bin) &&
    (!view.only.length || view.only.some((name) => FILTERS[name](pair))) &&
    words.every((word) => haystack(pair).includes(word)));
  return kept.sort(ORDERS[view.sort]);
}

function drawBrowse() {
  const query = el("input", { type: "search", id: "query", placeholder: T.searchHint, autocomplete: "off", spellcheck: "false", "aria-keyshortcuts": "/" });
  query.addEventListener("input", () => change({ q: query.value }));
  const order = el("select", { id: "order" }, Object.keys(ORDERS).map((name) => el("option", { value: name }, T[name])));
  order.addEventListener("change", () => change({ sort: order.value }));
  const boxes = Object.keys(FILTERS).map((name) => {
    const count = PAIRS.filter(FILTERS[name]).length;
    const box = el("input", { type: "checkbox", id: "only-" + name, disabled: !count });
    box.addEventListener("change", () => change({ only: box.checked ? [...VIEW.only, name] : VIEW.only.filter((one) => one !== name) }));
    return el("label", { class: "toggle" + (count ? "" : " off") }, box, T[name], el("span", { class: "number" }, count));
  });
  document.getElementById("browse").append(
    el("h2", {}, T.pairs),
    el("div", { class: "tools", role: "search" },
      el("label", { class: "grow" }, el("span", {}, T.search), query),
      el("label", {}, el("span", {}, T.order), order),
      el("fieldset", {}, el("legend", {}, T.only), boxes)),
    el("p", { class: "tally" }, el("span", { id: "tally", role: "status" }), " ",
      el("button", { type: "button", id: "clear", class: "quiet", on: { click: () => change({ q: "", bin: null, only: [] }) } }, T.clear),
      el("span", { class: "unit" }, T.triples)),
    el("ol", { id: "list" }),
    el("button", { type: "button", id: "more", on: { click: () => more() } }, T.more),
    el("p", { class: "muted keys" }, T.keys));
  new IntersectionObserver((seen) => { if (seen.some((one) => one.isIntersecting)) more(); }, { rootMargin: "800px" })
    .observe(document.getElementById("more"));
}

function showList() {
  FOUND = search(VIEW);
  const query = document.getElementById("query");
  if (query.value !== VIEW.q) query.value = VIEW.q;
  document.getElementById("order").value = VIEW.sort;
  for (const name of Object.keys(FILTERS)) document.getElementById("only-" + name).checked = VIEW.only.includes(name);
  const range = VIEW.bin === null ? "" : ` · F1 ${binName(VIEW.bin)}`;
  document.getElementById("tally").textContent = FOUND.length ? fill(T.shown, { n: FOUND.length, all: PAIRS.length }) + range : T.none;
  document.getElementById("clear").hidden = !VIEW.q && VIEW.bin === null && !VIEW.only.length;
  document.getElementById("list").replaceChildren();
  more();
}

function more() {
  const list = document.getElementById("list");
  const start = list.children.length;
  list.append(...FOUND.slice(start, start + PAGE).map(rowOf));
  document.getElementById("more").hidden = list.children.length >= FOUND.length;
}

function badges(pair) {
  const found = [];
  if (pair.unparsable) found.push(el("span", { class: "badge bad" }, T.unparsable));
  if (pair.mended) found.push(el("span", { class: "badge" }, T.mended));
  if (!pair.proven) found.push(el("span", { class: "badge" }, T.open));
  return found;
}

// The sentence, or what the gold graph speaks of where there is none.
function sayingOf(pair) {
  if (pair.sentence) return pair.sentence;
  const concepts = (pair.gold.lines.length ? pair.gold : pair.pred).lines.filter((line) => line.length > 4).map((line) => line[4]);
  return el("em", {}, concepts.length ? concepts.slice(0, 12).join(" · ") : T.noSentence);
}

function rowOf(pair) {
  return el("li", {}, el("a", { class: "row", href: hashOf({ ...VIEW, pair: pair.key }), "data-key": pair.key },
    el("span", { class: "score" }, el("strong", {}, places(pair.f1, 2)), meter(pair.f1)),
    el("span", { class: "saying" }, el("span", { class: "sentence", lang: tongue(pair.sentence) }, sayingOf(pair)),
      el("span", { class: "about" }, el("span", { class: "id" }, pair.id || "#" + (pair.number + 1)), badges(pair))),
    el("span", { class: "counts", title: T.triples }, `${pair.matched} / ${pair.predSize} / ${pair.goldSize}`)));
}
