// One side of a pair as text: the graph in PENMAN with its marks, or the text as delivered with the reader's problems.

const UNMATCHED = 0, SILENT = 2;
const isNode = (line) => line.length > 4;

// The graph as a file has it: one line a role, blanks inside a word as "_".
function printed(lines) {
  const word = (text) => (text.startsWith('"') ? text : text.replaceAll(" ", "_"));
  const variables = lines.filter(isNode).map((line) => line[3]);
  return lines.map((line, k) => {
    const end = isNode(line) ? `(${line[3]} / ${word(line[4])}` : typeof line[3] === "number" ? variables[line[3]] : word(line[3]);
    return " ".repeat(4 * line[0]) + (line[1] ? line[1] + " " : "") + end + ")".repeat(closing(lines, k));
  }).join("\n");
}

// How many brackets close after line k: those that are open and that the next line does not stand in.
function closing(lines, k) {
  const next = k + 1 < lines.length ? lines[k + 1][0] : 0;
  return lines[k][0] + (isNode(lines[k]) ? 1 : 0) - next;
}

function marked(mark, side, ...content) {
  if (mark === UNMATCHED) return el("mark", { class: side, title: T.unmatched }, ...content);
  return mark === SILENT ? el("span", { class: "silent", title: T.legendSilent }, ...content) : content;
}

// The node on the other side that the best match gives each node of this one; -1 without.
function counterparts(pair, side) {
  if (side === "pred") return pair.mapping;
  const back = Array(pair.gold.lines.filter(isNode).length).fill(-1);
  pair.mapping.forEach((j, i) => { if (j >= 0) back[j] = i; });
  return back;
}

function penman(pair, side) {
  const { lines } = pair[side];
  const nodes = lines.filter(isNode);
  const others = pair[side === "pred" ? "gold" : "pred"].lines.filter(isNode);
  const partner = counterparts(pair, side);
  const hint = (n) => (partner[n] >= 0 ? fill(T.counterpart, { text: `${others[partner[n]][3]} / ${others[partner[n]][4]}` }) : T.alone);
  let count = -1;
  const rows = lines.map((line, k) => {
    const [depth, role, link] = line;
    const row = el("div", { class: "line" });
    row.style.setProperty("--depth", Math.min(depth, 30));
    const brackets = el("span", { class: "brackets" }, ")".repeat(closing(lines, k)));
    if (isNode(line)) {
      count += 1;
      const head = role ? marked(link, side, el("span", { class: "role" }, role)) : el("span", { class: "crown" }, marked(link, side, T.top));
      const node = el("span", { class: "n", "data-n": count, tabindex: count ? -1 : 0, title: hint(count) },
        el("span", { class: "var" }, line[3]), el("span", { class: "slash" }, " / "), marked(line[5], side, el("b", {}, line[4])));
      row.append(...[head].flat(), " ", el("span", { class: "brackets" }, "("), node, brackets);
    } else {
      const target = typeof line[3] === "number" ? line[3] : null;
      const end = target === null ? el("span", { class: "const" }, line[3]) : el("span", { class: "n var", "data-n": target, title: `${nodes[target][3]} / ${nodes[target][4]}` }, nodes[target][3]);
      row.append(...[marked(link, side, el("span", { class: "role" }, role), " ", end)].flat(), brackets);
    }
    return row;
  });
  return el("div", { class: "penman", lang: tongue(printed(lines)), on: { keydown: walk } }, rows);
}

// One stop for the Tab key; from there the arrows go from node to node.
function walk(event) {
  const offset = { ArrowDown: 1, ArrowRight: 1, ArrowUp: -1, ArrowLeft: -1 }[event.key];
  const nodes = [...event.currentTarget.querySelectorAll(".n[tabindex]")];
  const target = offset && nodes[nodes.indexOf(event.target) + offset];
  if (!target) return;
  event.preventDefault();
  for (const node of nodes) node.tabIndex = node === target ? 0 : -1;
  target.focus();
}

function problemList(side) {
  const word = ([, , , , severity, repaired]) => (severity === "warning" && !repaired ? T.quirk : repaired ? T.wasRepaired : T.notRepaired);
  return el("ul", { class: "problems" }, side.problems.map((problem) => {
    const [kind, line, column, message, severity] = problem;
    return el("li", { class: severity },
      el("span", { class: "sign", "aria-hidden": "true" }, severity === "error" ? "✗" : "!"),
      el("span", {}, message, el("span", { class: "fine" },
        [line && fill(T.place, { line, column }), word(problem)].filter(Boolean).join(" · "), " · ", el("code", {}, kind))));
  }));
}

// The text with its line numbers; the places the problems name are marked.
function delivered(side) {
  if (!side.text.trim()) return el("p", { class: "muted" }, T.empty);
  const spots = new Map();
  for (const [, line, column, , severity] of side.problems) {
    if (!line) continue;
    if (!spots.has(line)) spots.set(line, new Map());
    if (severity === "error" || !spots.get(line).has(column)) spots.get(line).set(column, severity);
  }
  const rows = side.text.split(/\r\n|\r|\n/).map((text, k) => {
    const number = side.line + k;
    const letters = Array.from(text);
    const content = [];
    let done = 0;
    for (const [column, severity] of [...(spots.get(number) || [])].sort((a, b) => a[0] - b[0])) {
      const at = Math.min(Math.max(column - 1, done), letters.length);
      content.push(letters.slice(done, at).join(""), el("mark", { class: "spot " + severity }, letters[at] || "\u00a0"));
      done = at + 1;
    }
    content.push(letters.slice(done).join(""));
    return el("div", { class: "line" }, el("span", { class: "gutter", "aria-hidden": "true" }, number), el("span", {}, content));
  });
  return el("div", { class: "raw", lang: tongue(side.text) }, rows);
}
