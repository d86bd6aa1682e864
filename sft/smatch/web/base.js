"use strict";
// What every part uses: the data, elements made without markup, text made searchable.

const DATA = JSON.parse(document.getElementById("data").textContent);
const T = DATA.texts;
const SUM = DATA.summary;
const SVG = "http://www.w3.org/2000/svg";
const MARKS = { pred: "✗", gold: "○" };

const PAIRS = DATA.pairs.map((pair, number) => {
  const [matched, pred, gold, upper] = pair.counts;
  const f1 = pred + gold ? (2 * matched) / (pred + gold) : 0;
  const unparsable = !pair.pred.lines.length;
  return { ...pair, number, matched, predSize: pred, goldSize: gold, upper, f1, unparsable, mended: !!pair.pred.repaired };
});
const BY_KEY = new Map(PAIRS.map((pair) => [pair.key, pair]));

function fill(text, values) {
  return text.replace(/\{(\w+)\}/g, (whole, name) => (name in values ? String(values[name]) : whole));
}

function put(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes || {})) {
    if (name === "on") for (const [event, act] of Object.entries(value)) node.addEventListener(event, act);
    else if (value !== false && value !== null && value !== undefined) node.setAttribute(name, value === true ? "" : value);
  }
  for (const child of children.flat(Infinity)) if (child || child === 0) node.append(child);
  return node;
}
const el = (tag, attributes, ...children) => put(document.createElement(tag), attributes, children);
const svg = (tag, attributes, ...children) => put(document.createElementNS(SVG, tag), attributes, children);

// Accents and đ away, signs to blanks, a blank before every word: "Mẹ nấu_cơm" → " me nau com".
function fold(text) {
  const plain = text.toLowerCase().normalize("NFD").replace(/\p{M}+/gu, "").replace(/đ/g, "d");
  return " " + plain.replace(/[^\p{L}\p{N}]+/gu, " ").trim();
}

// Vietnamese by letters and tones that no neighbour has; what is shown of other languages is left unnamed.
const tongue = (text) => (/[đ\u031b\u0309\u0323]/.test(text.toLowerCase().normalize("NFD")) ? "vi" : null);

const most = (items, of) => items.reduce((found, item) => Math.max(found, of(item)), 0);
const places = (number, digits = 4) => number.toFixed(digits);
const percent = (part, whole) => (whole ? ((100 * part) / whole).toFixed(1) : "0.0") + " %";

const tile = (label, figure, more) => el("div", { class: "tile" }, el("dt", {}, label), el("dd", {}, figure, more && el("small", {}, more)));

function copyButton(text) {
  const button = el("button", { type: "button", class: "quiet copy" }, T.copy);
  button.addEventListener("click", async () => {
    const box = el("textarea", { class: "away", readonly: true });
    try {
      await navigator.clipboard.writeText(text());
    } catch {  // not allowed to a page opened as a file in some browsers
      box.value = text();
      document.body.append(box);
      box.select();
      document.execCommand("copy");
      box.remove();
    }
    button.textContent = T.copied;
    setTimeout(() => { button.textContent = T.copy; }, 1500);
  });
  return button;
}
