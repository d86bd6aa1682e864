// A graph as a picture: a tree in layers, each node as wide as its leaves; a repeated variable is a leaf of its own
// with a dashed curve to the node it stands for. Nothing here recurses: a runaway answer can nest thousands deep.

const BOX = 28, LETTERS = 34;
const SANS = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Noto Sans', 'DejaVu Sans', sans-serif";
const RULER = document.createElement("canvas").getContext("2d");

function widthOf(text, size, weight = 400) {
  RULER.font = `${weight} ${size}px ${SANS}`;
  return RULER.measureText(text).width;
}
const short = (text) => (Array.from(text).length > LETTERS ? Array.from(text).slice(0, LETTERS - 1).join("") + "…" : text);

// The lines of one side as items with their parent, children and the space their words take.
function itemsOf(lines, side) {
  const items = [], path = [], nodes = [];
  for (const line of lines) {
    const [depth, role, link] = line;
    const item = { depth, link, children: [], parent: depth ? path[depth - 1] : null, kind: isNode(line) ? "node" : typeof line[3] === "number" ? "ref" : "const" };
    const sign = (mark) => (mark === UNMATCHED ? MARKS[side] + " " : "");
    item.role = depth ? sign(link) + short(role) : sign(link) + T.top;
    if (item.kind === "node") {
      Object.assign(item, { variable: short(line[3]), concept: short(line[4]), full: `${line[3]} / ${line[4]}`, label: line[5], sign: sign(line[5]), number: nodes.length });
      nodes.push(item);
    } else if (item.kind === "ref") item.number = line[3];
    else Object.assign(item, { concept: short(line[3]), full: line[3] });
    items.push(item);
    path[depth] = item;
    if (item.parent) item.parent.children.push(item);
  }
  for (const item of items) {
    if (item.kind === "ref") item.concept = nodes[item.number].variable;
    const words = item.kind === "node" ? widthOf(`${item.sign}${item.variable} / `, 13) + widthOf(item.concept, 13, 600) : widthOf(item.concept, 13);
    item.width = Math.ceil(words) + (item.kind === "node" ? 22 : 16);
    item.roleWidth = Math.ceil(widthOf(item.role, 11.5));
  }
  return { items, nodes };
}

// Give every item its share across the tree's direction, the sum of its children's or its own, and its middle in it.
function spread(items, own) {
  for (let k = items.length - 1; k >= 0; k -= 1) {
    const item = items[k];
    item.below = item.children.reduce((sum, child) => sum + child.share, 0);
    item.share = Math.max(own(item), item.below);
  }
  items[0].start = 0;
  for (const item of items) {
    let at = item.start + (item.share - item.below) / 2;
    for (const child of item.children) { child.start = at; at += child.share; }
  }
  for (let k = items.length - 1; k >= 0; k -= 1) {
    const item = items[k], half = own(item) / 2;
    const [first, last] = [item.children[0], item.children.at(-1)];
    const wanted = first ? (first.middle + last.middle) / 2 : item.start + item.share / 2;
    item.middle = Math.min(Math.max(wanted, item.start + half), item.start + item.share - half);
  }
}

function layDown({ items }) {
  spread(items, (item) => Math.max(item.width, item.roleWidth) + 18);
  for (const item of items) Object.assign(item, { x: item.middle, y: 40 + 84 * item.depth });
  return { width: items[0].share, height: most(items, (item) => item.y) + BOX / 2 + 34 };
}

function layRight({ items }) {
  spread(items, () => BOX + 9);
  for (const item of items) {
    if (item.parent) item.left = item.parent.left + item.parent.width + 30 + item.parent.room;
    else item.left = item.roleWidth + 26;
    item.room = most(item.children, (child) => child.roleWidth) + 14;
    Object.assign(item, { x: item.left + item.width / 2, y: item.middle + 4 });
  }
  return { width: most(items, (item) => item.left + item.width) + 44, height: items[0].share + 12 };
}

function edgePath(item, down) {
  const from = item.parent;
  if (down) {
    const [x1, y1, x2, y2] = [from.x, from.y + BOX / 2, item.x, item.y - BOX / 2];
    return `M${x1} ${y1}C${x1} ${y1 + 26} ${x2} ${y1 + 10} ${x2} ${y1 + 34}L${x2} ${y2}`;
  }
  const [x1, y1, x2, y2] = [from.left + from.width, from.y, item.left, item.y];
  return `M${x1} ${y1}C${x1 + 22} ${y1} ${x1 + 8} ${y2} ${x1 + 30} ${y2}L${x2} ${y2}`;
}

function curvePath(item, target, down) {
  if (down) {
    const aside = item.x < target.x ? -1 : 1;  // of the target; from below it the curve swings out
    const under = Math.abs(item.x - target.x) < (item.width + target.width) / 2 + 10;
    const [x1, x2] = [item.x - (under ? -aside : aside) * (item.width / 2), target.x + aside * (target.width / 2 + 2)];
    const away = under ? 60 : Math.min(90, 24 + Math.abs(x1 - x2) / 3);
    return `M${x1} ${item.y}C${x1 - (under ? -aside : aside) * away} ${item.y} ${x2 + aside * away} ${target.y} ${x2} ${target.y}`;
  }
  const [x1, y1, x2, y2] = [item.left + item.width, item.y, target.left + target.width + 2, target.y];
  const aside = y1 < y2 ? -1 : 1;
  return `M${x1} ${y1}C${x1 + 56} ${y1} ${x2 + 60} ${y2 + aside * 26} ${x2} ${y2 + aside * 8}`;
}

function drawGraph(graph, side, down) {
  const { items, nodes } = graph;
  const { width, height } = (down ? layDown : layRight)(graph);
  const state = (mark) => (mark === UNMATCHED ? " " + side : mark === SILENT ? " silent" : "");
  const picture = svg("svg", { class: "graph", viewBox: `0 0 ${Math.ceil(width)} ${Math.ceil(height)}`, role: "img", "aria-label": fill(T.drawingOf, { side: T[side === "pred" ? "prediction" : "gold"] }) });
  const arrow = (mark) => `arrow-${side}-${mark}`;
  picture.append(svg("defs", {}, [0, 1].map((mark) => svg("marker", { id: arrow(mark), viewBox: "0 0 9 9", refX: 7.5, refY: 4.5, markerWidth: 9, markerHeight: 9, markerUnits: "userSpaceOnUse", orient: "auto" },
    svg("path", { d: "M0 0.5L9 4.5L0 8.5z", class: "head" + state(mark) })))));
  const curves = svg("g", {}), edges = svg("g", {}), boxes = svg("g", {}), roles = svg("g", {});
  for (const item of items) {
    if (item.parent) edges.append(svg("path", { class: "edge" + state(item.link), d: edgePath(item, down) }));
    const [rx, ry, anchor] = down ? [item.x, item.y - BOX / 2 - 8, "middle"] : [item.left - 6, item.y + 4, "end"];
    const left = down ? rx - item.roleWidth / 2 : rx - item.roleWidth;
    roles.append(svg("rect", { class: "halo", x: left - 2, y: ry - 11, width: item.roleWidth + 4, height: 15 }), svg("text", { class: (item.parent ? "role" : "role crown") + state(item.link), x: rx, y: ry, "text-anchor": anchor }, item.role));
    if (item.kind === "ref") curves.append(svg("path", { class: "curve" + state(item.link), d: curvePath(item, nodes[item.number], down), "marker-end": `url(#${arrow(item.link)})` }));
    boxes.append(svg("g", { class: `${item.kind}${item.kind === "node" ? state(item.label) : state(item.link)}${item.kind === "const" ? "" : " n"}`, "data-n": item.kind === "const" ? null : item.number },
      item.full && svg("title", {}, item.full),
      svg("rect", { x: item.x - item.width / 2, y: item.y - BOX / 2, width: item.width, height: BOX, rx: item.kind === "const" ? 3 : BOX / 2 }),
      svg("text", { x: item.x, y: item.y + 4.5, "text-anchor": "middle" },
        item.kind === "node" && [item.sign, svg("tspan", { class: "var" }, `${item.variable} / `)], svg("tspan", { class: "word" }, item.concept))));
  }
  picture.append(curves, edges, boxes, roles);
  return { picture, width: Math.ceil(width), height: Math.ceil(height) };
}

// The drawings of both sides with shared controls: direction and size.
function drawings(pair) {
  const sides = ["pred", "gold"].filter((side) => pair[side].lines.length);
  const graphs = Object.fromEntries(sides.map((side) => [side, itemsOf(pair[side].lines, side)]));
  const panes = Object.fromEntries(sides.map((side) => [side, el("div", { class: "pane", tabindex: 0, role: "region", "aria-label": T[side === "pred" ? "prediction" : "gold"] })]));
  const grid = el("div", { class: "sides" }, ["pred", "gold"].filter((side) => panes[side]).map((side) =>
    el("div", { class: "side", "data-side": side }, el("h4", {}, T[side === "pred" ? "prediction" : "gold"]), panes[side])));
  const direction = el("select", { id: "direction" }, el("option", { value: "down" }, T.down), el("option", { value: "right" }, T.right));
  let drawn = {}, scale = 1;
  const resize = (wanted) => {
    scale = Math.min(2.5, Math.max(0.15, wanted));
    for (const side of sides) {
      const pane = panes[side];
      const [x, y] = [(pane.scrollLeft + pane.clientWidth / 2) / pane.scrollWidth, (pane.scrollTop + pane.clientHeight / 2) / pane.scrollHeight];
      drawn[side].picture.setAttribute("width", Math.round(drawn[side].width * scale));
      drawn[side].picture.setAttribute("height", Math.round(drawn[side].height * scale));
      // What was in the middle stays there.
      pane.scrollTo(x * pane.scrollWidth - pane.clientWidth / 2, y * pane.scrollHeight - pane.clientHeight / 2);
    }
  };
  const widest = () => most(sides, (side) => drawn[side].width);
  const room = () => panes[sides[0]].clientWidth - 16;
  const fit = () => resize(Math.min(1, room() / widest()));
  const draw = () => {
    for (const side of sides) {
      drawn[side] = drawGraph(graphs[side], side, direction.value === "down");
      panes[side].replaceChildren(drawn[side].picture);
    }
    // Side by side where both can be read there, else one above the other; smaller than three quarters is no help.
    grid.classList.remove("stacked");
    grid.classList.toggle("stacked", sides.length < 2 || room() / widest() < 0.75);
    resize(Math.max(0.75, Math.min(1, room() / widest())));
    for (const side of sides) {
      const root = graphs[side].items[0];
      const [x, y] = direction.value === "down" ? [root.x * scale - panes[side].clientWidth / 2, 0] : [0, root.y * scale - panes[side].clientHeight / 2];
      panes[side].scrollTo(x, y);
    }
  };
  direction.addEventListener("change", draw);
  const button = (text, sign, act) => el("button", { type: "button", title: text, "aria-label": text, on: { click: act } }, sign);
  const box = el("section", { class: "drawings" },
    el("div", { class: "bar" }, el("h3", {}, T.drawings),
      el("span", { class: "controls" }, el("label", {}, el("span", {}, T.direction), direction),
        button(T.zoomOut, "−", () => resize(scale / 1.25)), button(T.zoomIn, "+", () => resize(scale * 1.25)), el("button", { type: "button", on: { click: fit } }, T.fit))),
    grid, el("p", { class: "muted" }, T.dashed));
  for (const side of sides) drag(panes[side]);
  const start = () => {
    const available = grid.clientWidth - 16;
    const wide = most(sides, (side) => layDown(graphs[side]).width);
    direction.value = wide * 0.75 > available ? "right" : "down";
    draw();
  };
  return { box, start: sides.length ? start : () => box.remove() };
}

// Move the picture by dragging it; touch screens scroll by themselves.
function drag(pane) {
  let from = null;
  pane.addEventListener("pointerdown", (event) => {
    if (event.pointerType === "mouse" && event.button === 0) from = [event.clientX + pane.scrollLeft, event.clientY + pane.scrollTop];
  });
  pane.addEventListener("pointermove", (event) => {
    if (from && event.buttons & 1) pane.scrollTo(from[0] - event.clientX, from[1] - event.clientY);
    else from = null;
  });
}
