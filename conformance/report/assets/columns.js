"use strict";
// Which adapters are shown, and whether only the cases in which these differ.

const choice = document.getElementById("choice");

/** The slugs of the chosen columns; an address without any chooses all. */
function columnsOf(parameters) {
  const named = parameters.get("columns");
  if (!named) return new Set(page.adapters.map((adapter) => adapter.slug));
  const wanted = named.split(",");
  return new Set(page.adapters.map((adapter) => adapter.slug).filter((slug) => wanted.includes(slug)));
}

/** The cases that have different outcomes with the chosen columns; `answer`: those without an answer do not count. */
function differing(columns, by) {
  const outcomes = new Map(), found = new Set();
  for (const result of results) {
    if (!columns.has(result.info.slug) || (by === "answer" && result.outcome === "unsupported")) continue;
    const first = outcomes.get(result.id);
    if (first === undefined) outcomes.set(result.id, result.outcome);
    else if (first !== result.outcome) found.add(result.id);
  }
  return found;
}

/** A test of results: whether the choice of columns and cases leaves them. A view shows all of its own. */
function inTheChoice(parameters) {
  if (view()) return () => true;
  const columns = columnsOf(parameters), by = parameters.get("differ");
  const cases = by ? differing(columns, by) : null;
  return (result) => columns.has(result.info.slug) && (!cases || cases.has(result.id));
}

function showColumns(parameters) {
  const columns = columnsOf(parameters), by = parameters.get("differ") || "", all = page.adapters.length;
  for (const box of choice.querySelectorAll("[name=column]")) box.checked = columns.has(box.value);
  choice.elements.differ.value = by;
  document.querySelector("#columns summary span").textContent = columns.size === all ? `all ${all}` : `${columns.size} of ${all}`;
  const cases = by ? differing(columns, by) : null;
  const families = cases && new Set([...cases].map((id) => id.split("/", 1)[0]));
  for (const row of document.getElementById("matrix").rows) {
    page.adapters.forEach((adapter, n) => { row.cells[n + 1].hidden = !columns.has(adapter.slug); });
    if (row.dataset.family) row.hidden = Boolean(families) && !families.has(row.dataset.family);
  }
  for (const node of document.querySelectorAll("[data-columns]:not(button)")) {
    node.hidden = !node.dataset.columns.split(" ").some((slug) => columns.has(slug));
  }
  const number = (size, noun, many) => `${size.toLocaleString("en")} ${size === 1 ? noun : many}`;
  document.getElementById("choice-said").textContent = cases
    ? `${number(cases.size, "case differs", "cases differ")}, of ${number(families.size, "family", "families")}. A cell counts all cases of its family.`
    : "";
}

function startColumns() {
  const choose = (columns) => {
    const named = columns.length === page.adapters.length ? null : columns.join(",") || "none";
    location.replace(changed({ columns: named, differ: choice.elements.differ.value || null, page: null }));
  };
  choice.addEventListener("submit", (event) => event.preventDefault());
  choice.addEventListener("change", () => choose([...choice.querySelectorAll("[name=column]:checked")].map((box) => box.value)));
  choice.addEventListener("click", (event) => {
    const { columns } = event.target.dataset;
    if (columns) choose(columns === "all" ? page.adapters.map((adapter) => adapter.slug) : []);
  });
}
