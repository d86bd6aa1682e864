"use strict";
// What every page uses: its data and texts, elements made without markup, small figures.

const DATA = JSON.parse(document.getElementById("data").textContent);
const T = DATA.texts;
const SVG = "http://www.w3.org/2000/svg";

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

// Vietnamese by letters and tones that no neighbour has; what is shown of other languages is left unnamed.
const tongue = (text) => (/[đ\u031b\u0309\u0323]/.test(text.toLowerCase().normalize("NFD")) ? "vi" : null);

const most = (items, of) => items.reduce((found, item) => Math.max(found, of(item)), 0);
const places = (number, digits = 4) => number.toFixed(digits);
const percent = (part, whole) => (whole ? ((100 * part) / whole).toFixed(1) : "0.0") + " %";

const tile = (label, figure, more) => el("div", { class: "tile" }, el("dt", {}, label), el("dd", {}, figure, more && el("small", {}, more)));

function meter(share) {
  const line = svg("svg", { class: "meter", viewBox: "0 0 100 4", preserveAspectRatio: "none", "aria-hidden": "true" });
  line.append(svg("rect", { width: 100, height: 4, class: "rail" }), svg("rect", { width: 100 * share, height: 4, class: "fill" }));
  return line;
}

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
