// Rows as text: cut where they are long, and with the words marked in which one differs from another.

function shown([head, left, tail]) {
  return left ? [head, el("span", { class: "left" }, ` … ${fill(T.leftOut, { n: count(left) })} … `), tail] : [head];
}

const whole = ([head, left, tail]) => head + (left ? "\u0000" : "") + tail;

// The words of a text, those marked in which it differs from another; texts that have little in common stay as they are.
function compared(text, other) {
  if (!other || whole(text) === whole(other)) return shown(text);
  const [head, left, tail] = text;
  const known = wordsOf(whole(other));
  const parts = left ? [...marked(head, known), ...shown(["", left, ""]), ...marked(tail, known)] : marked(head, known);
  const odd = parts.filter((part) => part.tagName === "MARK").length;
  return 1.5 * odd > wordsOf(head + tail).filter((word) => word.trim()).length ? shown(text) : parts;
}

const wordsOf = (text) => text.split(/(\s+|\u0000)/);

// Words and blanks of a text, in <mark> what a longest common sequence does not have.
function marked(text, known) {
  const words = wordsOf(text), high = words.length, wide = known.length;
  const table = Array.from({ length: high + 1 }, () => new Uint16Array(wide + 1));
  for (let i = high - 1; i >= 0; i -= 1)
    for (let j = wide - 1; j >= 0; j -= 1)
      table[i][j] = words[i] === known[j] ? table[i + 1][j + 1] + 1 : Math.max(table[i + 1][j], table[i][j + 1]);
  const out = [];
  for (let i = 0, j = 0; i < high; ) {
    if (j < wide && words[i] === known[j]) { out.push(words[i]); i += 1; j += 1; }
    else if (j < wide && table[i][j + 1] > table[i + 1][j]) j += 1;
    else { out.push(words[i].trim() ? el("mark", { class: "other", title: T.differs }, words[i]) : words[i]); i += 1; }
  }
  return out;
}

// The place without its folders, which the hint has.
const short = (where) => where.replace(/^.*\//, "");

// One example: a row, or several beside each other; two are compared both ways, more with the first.
function example(rows) {
  return el("li", { class: "example" + (rows.length > 1 ? " several" : "") }, rows.map((row, k) => el("div", { class: "told" },
    el("p", { class: "about" }, el("code", {}, row.id), row.side && el("span", { class: "chip" }, row.side), row.label && el("span", { class: "chip strong" }, row.label),
      el("span", { class: "where", title: row.where }, short(row.where))),
    textsOf(row, k ? rows[0] : rows.length === 2 ? rows[1] : row))));
}

// What a row asks and answers; a label stands above already, and a text alone needs no name.
function textsOf(row, other) {
  const names = Object.keys(row.texts).filter((name) => name !== "answer" || !row.label);
  const said = (tag, name) => el(tag, { class: name, lang: tongue(whole(row.texts[name])) }, row === other ? shown(row.texts[name]) : compared(row.texts[name], other.texts[name]));
  return names.length === 1 ? said("p", names[0]) : el("dl", { class: "texts" }, names.map((name) => [el("dt", {}, T[name]), said("dd", name)]));
}
