// One pair: its figures, what the reader found, both sides as text and as drawings.

function legend() {
  return el("details", { class: "legend", open: true }, el("summary", {}, T.legend), el("ul", {},
    el("li", {}, el("mark", { class: "pred" }, T.prediction), " ", T.legendPred),
    el("li", {}, el("mark", { class: "gold" }, T.gold), " ", T.legendGold),
    SUM.mode === "amr" && el("li", {}, el("span", { class: "silent" }, "have-mod-91"), " ", T.legendSilent),
    el("li", { class: "muted" }, T.legendHover)));
}

function sideOf(pair, name) {
  const side = pair[name];
  const size = name === "pred" ? pair.predSize : pair.goldSize;
  const missed = size - pair.matched;
  const box = el("section", { class: "side", "data-side": name },
    el("h3", {}, T[name === "pred" ? "prediction" : "gold"],
      side.lines.length > 0 && el("small", { class: missed ? name : "" }, missed ? `${MARKS[name]} ${fill(T.unmatchedTriples, { n: missed })}` : "✓"),
      side.lines.length > 0 && copyButton(() => printed(side.lines))),
    side.where && el("p", { class: "where" }, el("code", {}, side.where)));
  if (!side.lines.length) box.append(el("p", { class: "alert" }, name === "pred" ? T.noGraph : T.noGoldGraph));
  else box.append(penman(pair, name));
  if (side.problems) {
    if (side.problems.length) box.append(el("h4", {}, T.problems), problemList(side));
    else if (side.repaired) box.append(el("p", {}, T.mendedSomehow));
    box.append(el("details", { open: !side.lines.length || side.repaired }, el("summary", {}, T.asDelivered), delivered(side)));
  }
  return box;
}

function figuresOf(pair) {
  const ratio = (size) => places(size ? pair.matched / size : 0, 3);
  return el("dl", { class: "tiles" },
    tile("F1", places(pair.f1, 3)), tile(T.precision, ratio(pair.predSize), fill(T.ofPred, { n: pair.predSize })),
    tile(T.recall, ratio(pair.goldSize), fill(T.ofGold, { n: pair.goldSize })), tile(T.matched, pair.matched));
}

function stepTo(offset) {
  const at = FOUND.findIndex((pair) => pair.key === VIEW.pair);
  return at < 0 ? null : FOUND[at + offset] || null;
}

function pairBar() {
  const at = FOUND.findIndex((pair) => pair.key === VIEW.pair);
  const long = (text) => el("span", { class: "long" }, text);
  const link = (target, id, ...words) => (target
    ? el("a", { class: "button", id, title: T[id], "aria-label": T[id], href: hashOf({ ...VIEW, pair: target.key }) }, words)
    : el("span", { class: "button off", id, title: T[id], "aria-disabled": "true" }, words));
  const before = link(stepTo(-1), "previous", "‹", long("\u00a0" + T.previous));
  const after = link(stepTo(1), "next", long(T.next + "\u00a0"), "›");
  return el("nav", { class: "pairbar" }, el("a", { class: "button", id: "back", href: hashOf({ ...VIEW, pair: null }) }, "← " + T.back),
    at >= 0 && el("span", { class: "position" }, fill(T.position, { k: at + 1, n: FOUND.length })), el("span", { class: "steps" }, before, after));
}

function showPair() {
  const pair = BY_KEY.get(VIEW.pair) || PAIRS.find((one) => one.id === VIEW.pair);
  const box = document.getElementById("pair");
  if (!pair) {
    box.replaceChildren(pairBar(), el("h2", { tabindex: -1 }, fill(T.unknownPair, { id: VIEW.pair })));
    return;
  }
  const pictures = drawings(pair);
  const heading = el("h2", { tabindex: -1, class: pair.sentence.length > 220 ? "long" : null, lang: tongue(pair.sentence) }, sayingOf(pair));
  box.replaceChildren(pairBar(), el("div", { class: "card title" },
    el("p", { class: "about" }, el("code", {}, pair.id || "#" + (pair.number + 1)), badges(pair)), heading, figuresOf(pair),
    el("p", { class: "muted" }, pair.unparsable || !pair.gold.lines.length ? "" : pair.proven ? T.provenPair : fill(T.openPair, { low: pair.matched, high: pair.upper })),
    pair.matched < pair.predSize || pair.matched < pair.goldSize ? legend() : ""),
  el("div", { class: "sides texts" }, sideOf(pair, "pred"), sideOf(pair, "gold")), pictures.box);
  pictures.start();
  follow(box, pair);
  heading.focus({ preventScroll: true });
}

// Light up a node wherever it stands, with its counterpart, while the pointer or the focus is on it.
function follow(box, pair) {
  const partners = { pred: counterparts(pair, "pred"), gold: counterparts(pair, "gold") };
  const parts = { pred: [], gold: [] };
  for (const side of box.querySelectorAll("[data-side]")) parts[side.dataset.side].push(...side.querySelectorAll("[data-n]"));
  const light = (event) => {
    const node = event.target.closest ? event.target.closest("[data-n]") : null;
    const wanted = { pred: null, gold: null };
    if (node) {
      const side = parts.pred.includes(node) ? "pred" : "gold";
      wanted[side] = Number(node.dataset.n);
      const partner = partners[side][wanted[side]];
      if (partner >= 0) wanted[side === "pred" ? "gold" : "pred"] = partner;
    }
    for (const side of ["pred", "gold"]) for (const one of parts[side]) one.classList.toggle("hot", wanted[side] !== null && Number(one.dataset.n) === wanted[side]);
  };
  box.onpointerover = box.onfocusin = light;
}
