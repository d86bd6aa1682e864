// The head of the page: figures, views, aspects, signature, and how the graphs are spread.

function drawHead() {
  const name = SUM.run ? fill(T.run, { run: SUM.run, split: SUM.split || "" }) : null;
  const files = !SUM.run && (SUM.pred || SUM.gold) && el("p", { class: "files" },
    el("span", {}, T.prediction + " ", el("code", {}, SUM.pred || "–")), " ",
    el("span", {}, T.gold + " ", el("code", {}, SUM.gold || "–")));
  document.getElementById("head").append(
    el("div", { class: "brand" }, el("h1", {}, T.title), el("span", { class: "chip" }, fill(T.mode, { mode: SUM.mode }))),
    files || (name && el("p", { class: "files" }, name)) || "");
}

function drawOverview() {
  const of = (part) => fill(T.position, { k: part, n: SUM.n });
  const [low, high] = SUM.interval95;
  const open = SUM.n - SUM.proven;
  const headline = el("div", { class: "card headline" },
    el("p", { class: "big" }, el("span", {}, "F1"), el("strong", {}, places(SUM.f1))),
    el("p", { class: "interval" }, fill(T.interval, { low: places(low, 3), high: places(high, 3) })),
    open > 0 && el("p", { class: "alert" }, fill(T.bounds, { k: open, low: places(SUM.bounds[0]), high: places(SUM.bounds[1]) })),
    el("dl", { class: "tiles" },
      tile(T.precision, places(SUM.precision)), tile(T.recall, places(SUM.recall)), tile(T.macro, places(SUM.macro_f1)),
      tile(T.graphs, SUM.n), tile(T.parsable, percent(SUM.n - SUM.unparsable, SUM.n), of(SUM.n - SUM.unparsable)),
      tile(T.repaired, percent(SUM.repaired, SUM.n), of(SUM.repaired)), tile(T.proven, percent(SUM.proven, SUM.n), of(SUM.proven))),
    el("p", { class: "muted" }, [SUM.matched, SUM.pred_triples, SUM.gold_triples].join(" / ") + " " + T.triples),
    (SUM.gold_unparsable + SUM.gold_repaired) > 0 &&
      el("p", { class: "alert" }, fill(T.goldTrouble, { bad: SUM.gold_unparsable, mended: SUM.gold_repaired })));
  const spread = el("div", { class: "card spread" }, el("h2", {}, T.spread), el("p", { class: "muted" }, T.spreadHint), el("div", { id: "bars" }));
  const views = el("div", { class: "card" }, el("h2", {}, T.views), figureTable(T.view, SUM.views, true),
    SUM.faults.length > 0 && el("details", {}, el("summary", {}, T.faults), el("ul", {}, SUM.faults.map((text) => el("li", {}, text)))));
  const aspects = SUM.aspects.length > 0 && el("div", { class: "card" }, el("h2", {}, T.aspects), figureTable(T.aspect, SUM.aspects, false));
  document.getElementById("overview").append(
    headline, spread, views, aspects || "",
    el("div", { class: "card signature" }, el("h2", {}, T.signature), el("code", {}, SUM.signature), copyButton(() => SUM.signature)));
  new ResizeObserver(drawBars).observe(document.getElementById("bars"));
}

function figureTable(name, rows, withParsable) {
  const row = ([label, of]) => {
    const none = of.pred_triples + of.gold_triples === 0;
    const figures = [of.f1, of.precision, of.recall].map((figure) => (none ? "–" : places(figure)));
    return el("tr", {}, el("th", { scope: "row" }, label),
      el("td", { class: "bar" }, meter(none ? 0 : of.f1), figures[0]), el("td", {}, figures[1]), el("td", {}, figures[2]),
      withParsable && el("td", {}, percent(of.n - of.unparsable, of.n)),
      !withParsable && el("td", { class: "wide" }, [of.matched, of.pred_triples, of.gold_triples].join(" / ")));
  };
  // Beside the share that parsed there is no room for the counts.
  const head = [name, "F1", "P", "R", withParsable && T.parsable].filter(Boolean);
  return el("div", { class: "scroll" }, el("table", {},
    el("thead", {}, el("tr", {}, head.map((text) => el("th", { scope: "col" }, text)), !withParsable && el("th", { scope: "col", class: "wide", title: T.triples }, "M / P / G"))),
    el("tbody", {}, rows.map(row))));
}

// Ten bars of a tenth each, and one for the graphs that are all right.
const BINS = 11;
const binOf = (pair) => (pair.f1 >= 1 ? BINS - 1 : Math.min(9, Math.floor(pair.f1 * 10 + 1e-9)));
const binName = (bin) => (bin === BINS - 1 ? "1.0" : `${(bin / 10).toFixed(1)} – ${((bin + 1) / 10).toFixed(1)}`);

function drawBars() {
  const box = document.getElementById("bars");
  const wide = Math.max(240, box.clientWidth), high = 190, floor = high - 26, step = wide / BINS;
  const counts = Array(BINS).fill(0);
  for (const pair of PAIRS) counts[binOf(pair)] += 1;
  const tallest = Math.max(1, ...counts);
  const picture = svg("svg", { width: wide, height: high, role: "group", "aria-label": T.spread });
  counts.forEach((count, bin) => {
    const tall = count ? Math.max(2, (count / tallest) * (floor - 22)) : 0;
    const chosen = VIEW.bin === bin;
    const choose = () => change({ bin: chosen ? null : bin });
    const middle = step * bin + step / 2;
    picture.append(svg("g", {
      class: "bin" + (chosen ? " chosen" : "") + (bin === BINS - 1 ? " exact" : ""), role: "button", tabindex: 0, "data-bin": bin,
      "aria-pressed": String(chosen), "aria-label": fill(T.bar, { range: binName(bin), n: count }),
      on: { click: choose, keydown: (event) => { if (event.key === "Enter" || event.key === " ") { event.preventDefault(); choose(); } } },
    },
    svg("title", {}, fill(T.bar, { range: binName(bin), n: count })),
    svg("rect", { class: "field", x: step * bin, y: 0, width: step, height: floor, rx: 4 }),
    svg("rect", { class: "column", x: step * bin + 3, y: floor - tall, width: step - 6, height: tall, rx: 2 }),
    svg("text", { x: middle, y: floor - tall - 6 }, count || "")));
  });
  counts.forEach((_, bin) => {
    const last = bin === BINS - 1;
    picture.append(svg("text", { class: "scale", x: step * bin + (last ? step / 2 : 4), y: high - 8 }, last ? "1" : bin ? "." + bin : "0"));
  });
  picture.append(svg("line", { x1: 0, x2: wide, y1: floor, y2: floor, class: "axis" }));
  const focused = document.activeElement && document.activeElement.getAttribute("data-bin");
  box.replaceChildren(picture);
  if (focused) box.querySelector(`[data-bin="${focused}"]`).focus();
}
