// Figures and small drawings: every one has its numbers beside it or in its label.

const R = DATA.report;
const SIDES = ["train", "valid", "test"].filter((side) => R.rows[side]);
const IN_TOKENS = "cut" in R.lengths;

// Blanks between thousands: they mean the same in every language.
const count = (number) => String(number).replace(/\B(?=(\d{3})+$)/g, "\u202f");
const sum = (numbers) => numbers.reduce((total, number) => total + number, 0);

const LEAST = 6;  // thousandths of a strip: what is there is seen

// Parts of a whole side by side, as [class, share]; the rest of the rail stays empty.
function strip(parts, attributes) {
  const picture = svg("svg", { class: "strip", viewBox: "0 0 1000 10", preserveAspectRatio: "none", ...(attributes || { "aria-hidden": "true" }) });
  picture.append(svg("rect", { class: "rail", width: 1000, height: 10 }));
  let at = 0;
  for (const [name, share] of parts) {
    if (share > 0) picture.append(svg("rect", { class: "part " + name, x: at * 1000, width: Math.max(LEAST, share * 1000), height: 10 }));
    at += share;
  }
  return picture;
}

// One line of a bar chart: what it is, the bar (with a stroke at a share to compare with), what it comes to.
function barLine(name, kind, share, text, mark) {
  const bar = strip([[kind, share]]);
  if (mark !== undefined) bar.append(svg("rect", { class: "stroke", x: Math.min(994, mark * 1000), y: -1, width: 6, height: 12 }));
  return el("li", { class: "barline" }, el("span", { class: "name" }, name), bar, el("span", { class: "figure" }, text));
}

const WIDE = 400, HIGH = 178, FLOOR = 150, TOP = 30;

// How often each length occurs; where a few are far longer, a last bar apart stands for them.
function histogram(name, label, limits) {
  const { start, step, counts, over } = R.histograms[name];
  const rows = sum(counts) + over, bars = counts.length + (over ? 2 : 0), wide = WIDE / Math.max(bars, 8);
  const tallest = Math.max(1, over, ...counts), end = start + step * counts.length;
  const height = (n) => (n ? Math.max(1.5, (n / tallest) * (FLOOR - TOP)) : 0);
  const at = (value) => ((value - start) / step) * wide;
  const { p50, p95, max } = R.lengths[name];
  const picture = svg("svg", { class: "histogram", viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": fill(T.spread, { name: label, p50, p95, max }) });
  const bar = (k, n, range, kind) => picture.append(svg("g", {}, svg("title", {}, fill(T.bin, { range, n: count(n) })),
    svg("rect", { class: "field", x: k * wide, y: TOP, width: wide, height: FLOOR - TOP }),
    svg("rect", { class: "column " + kind, x: k * wide + 0.5, y: FLOOR - height(n), width: Math.max(1, wide - 1), height: height(n) })));
  counts.forEach((n, k) => bar(k, n, step === 1 ? start + k : `${start + k * step} – ${start + (k + 1) * step - 1}`, ""));
  if (over) bar(bars - 1, over, `≥ ${end}`, "over");
  const peak = counts.indexOf(tallest);
  if (peak >= 0) picture.append(svg("text", { class: "scale tallest", x: Math.max(12, (peak + 0.5) * wide), y: TOP - 5 }, count(tallest)));
  picture.append(svg("line", { class: "axis", x1: 0, x2: WIDE, y1: FLOOR, y2: FLOOR }));
  for (const value of ticks(start, end)) {
    const x = at(value) + (step === 1 ? wide / 2 : 0);
    if (x <= WIDE - (over ? 60 : 8)) picture.append(svg("text", { class: "scale", x: Math.max(x, 4 + 3 * String(value).length), y: HIGH - 10 }, value));
  }
  if (over) picture.append(svg("text", { class: "scale last", x: WIDE, y: HIGH - 10 }, `≥ ${end}`));
  for (const limit of limits) {
    if (limit <= start || limit >= end) continue;
    picture.append(svg("line", { class: "limit", x1: at(limit), x2: at(limit), y1: TOP - 12, y2: FLOOR }), svg("text", { class: "scale limit", x: at(limit), y: TOP - 16 }, limit));
  }
  return el("figure", { class: "plot", "data-plot": name }, el("figcaption", {}, el("strong", {}, label), " ", el("span", { class: "muted" }, fill(T.bin, { range: "", n: count(rows) }).replace(/^: /, ""))), picture);
}

// Four or so round numbers below the axis; the last bar apart has its own.
function ticks(start, end) {
  const span = end - start;
  let step = 1;
  for (let k = 0; span / step > 5; k += 1) step = [1, 2, 5][k % 3] * 10 ** Math.floor(k / 3);
  const found = [];
  for (let value = Math.ceil(start / step) * step; value < end; value += step) found.push(value);
  return found;
}
