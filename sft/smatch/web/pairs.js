// The scored pairs, and what every part of the page asks of them; the parts of the page.

const SUM = DATA.summary;
const MARKS = { pred: "✗", gold: "○" };

const PAIRS = DATA.pairs.map((pair, number) => {
  const [matched, pred, gold, upper] = pair.counts;
  const f1 = pred + gold ? (2 * matched) / (pred + gold) : 0;
  const unparsable = !pair.pred.lines.length;
  return { ...pair, number, matched, predSize: pred, goldSize: gold, upper, f1, unparsable, mended: !!pair.pred.repaired };
});
const BY_KEY = new Map(PAIRS.map((pair) => [pair.key, pair]));

// Accents and đ away, signs to blanks, a blank before every word: "Mẹ nấu_cơm" → " me nau com".
function fold(text) {
  const plain = text.toLowerCase().normalize("NFD").replace(/\p{M}+/gu, "").replace(/đ/g, "d");
  return " " + plain.replace(/[^\p{L}\p{N}]+/gu, " ").trim();
}

document.getElementById("main").append(
  el("section", { id: "overview" }), el("section", { id: "browse" }), el("article", { id: "pair", hidden: true }));
