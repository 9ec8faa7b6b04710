"use strict";
// The page shows what its address says.

let shown = { filters: null, open: undefined, list: [], view: null };

function follow() {
  const parameters = state(), result = opened(), from = scrollY; // before the page gets shorter
  const at = view(), filters = `${at}?${new URLSearchParams([...parameters].filter(([key]) => key !== "open"))}`;
  if (filters !== shown.filters) {
    showFilters(parameters);
    showColumns(parameters);
    shown.list = showList(parameters);
    shown.filters = filters;
  }
  if (result !== shown.open) followCase(result);
  if (at !== shown.view) showView(at, from, shown.view !== null); // last: an open case would keep the focus to itself
  shown.view = at;
}

function followCase(result) {
  showPanel(result);
  shown.open = result;
  const buttons = [...panel.querySelectorAll("[data-step]")];
  const kept = buttons.find((button) => button === document.activeElement);
  for (const button of buttons) button.disabled = !beside(Number(button.dataset.step));
  if (result && (!kept || kept.disabled)) document.getElementById("panel-title").focus();
}

/** The result that is `by` places after the open one in the list. */
function beside(by) {
  const place = shown.list.indexOf(shown.open);
  return place < 0 ? undefined : shown.list[place + by];
}

function step(by) {
  const next = beside(by);
  if (next) location.replace(openAddress(next));
}

/** The matrix is one stop of the tab key; arrow keys move within it. */
function startMatrix() {
  const rows = [...document.querySelectorAll("#matrix tr")].map((row) => [...row.cells].map((cell) => cell.querySelector("button, a")));
  const buttons = rows.flat().filter(Boolean);
  const select = (button) => {
    for (const other of buttons) other.tabIndex = other === button ? 0 : -1;
  };
  select(rows.slice(1).flat().find((button) => button && button.closest("td")) || buttons[0]);
  document.getElementById("matrix").addEventListener("keydown", (event) => {
    const by = { ArrowLeft: [0, -1], ArrowRight: [0, 1], ArrowUp: [-1, 0], ArrowDown: [1, 0] }[event.key];
    if (!by) return;
    event.preventDefault();
    let r = rows.findIndex((row) => row.includes(event.target)), c = rows[r].indexOf(event.target), next;
    do {
      [r, c] = [r + by[0], c + by[1]];
      next = rows[r]?.[c];
    } while (rows[r] && c in rows[r] && !(next && next.checkVisibility())); // past cells without a result, or not chosen
    if (!next) return;
    select(next);
    next.focus();
  });
  document.getElementById("matrix").addEventListener("focusin", (event) => event.target.matches("button, a") && select(event.target));
}

function startTheme() {
  const menu = document.getElementById("theme"), key = "lstm-conformance-theme";
  const choose = (theme) => {
    if (theme) document.documentElement.dataset.theme = theme;
    else delete document.documentElement.dataset.theme;
    menu.value = theme;
    if (shown.open) showPanel(shown.open);
  };
  try { choose(localStorage.getItem(key) || ""); } catch { /* a browser may refuse storage to local files */ }
  menu.addEventListener("change", () => {
    choose(menu.value);
    try { localStorage.setItem(key, menu.value); } catch { /* then it lasts for this visit only */ }
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => shown.open && showPanel(shown.open));
}

startTheme();
startFilters();
startColumns();
startViews();
startList();
startMatrix();
startPanel(step);
addEventListener("hashchange", follow);
follow();
performance.mark("interactive");
