// The address decides what is shown; keys move about.

function show(view) {
  const opened = view.pair !== null;
  const left = VIEW.pair;
  VIEW = view;
  for (const id of ["overview", "browse"]) document.getElementById(id).hidden = opened;
  document.getElementById("pair").hidden = !opened;
  if (opened) {
    FOUND = search(VIEW);
    showPair();
    scrollTo(0, 0);
  } else {
    document.getElementById("pair").replaceChildren();
    showList();
    drawBars();
    if (left !== null) returnTo(left);
  }
}

// Back in the list, the pair one comes from is in sight and has the focus.
function returnTo(key) {
  const at = FOUND.findIndex((pair) => pair.key === key);
  const list = document.getElementById("list");
  while (at >= list.children.length && at >= 0) more();
  if (at >= 0) {
    list.children[at].scrollIntoView({ block: "center" });
    list.children[at].firstElementChild.focus({ preventScroll: true });
  }
}

function change(part) {
  const view = { ...VIEW, ...part };
  history.replaceState(null, "", hashOf(view));
  show(view);
}

function key(event) {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const typing = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
  if (event.key === "Escape") {
    if (VIEW.pair !== null) location.hash = hashOf({ ...VIEW, pair: null });
    else if (typing) event.target.blur();
  } else if (typing) return;
  else if (event.key === "/" && VIEW.pair === null) {
    event.preventDefault();
    document.getElementById("query").focus();
  } else if (event.key === "j" || event.key === "k") move(event.key === "j" ? 1 : -1);
}

// To the next pair, or in the list to the next row.
function move(offset) {
  if (VIEW.pair !== null) {
    const target = stepTo(offset);
    if (target) location.hash = hashOf({ ...VIEW, pair: target.key });
    return;
  }
  const rows = [...document.querySelectorAll("#list a.row")];
  const at = rows.indexOf(document.activeElement);
  const target = rows[at < 0 ? 0 : at + offset];
  if (target) target.focus();
}

drawHead();
drawOverview();
drawBrowse();
addEventListener("hashchange", () => show(viewOf(location.hash)));
addEventListener("keydown", key);
show(viewOf(location.hash));
