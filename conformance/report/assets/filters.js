"use strict";
// The list is filtered by the form, by the view that is shown, and by the chosen columns and cases.

const FILTERS = ["family", "adapter", "dtype", "outcome", "q"];
const STATUS_WORDS = { unexpected: "failed unexpectedly", xpass: "passed unexpectedly", known: "known deviation" };
const form = document.getElementById("filters");

/** The results that pass all filters. */
function filtered(parameters) {
  const [family, adapter, dtype, outcome, q] = FILTERS.map((name) => parameters.get(name));
  const words = (q || "").toLowerCase(), inView = inTheView(), chosen = inTheChoice(parameters);
  return results.filter((result) =>
    inView(result) && chosen(result) &&
    (!family || result.family === family) &&
    (!adapter || result.adapter === adapter) &&
    (!dtype || result.dtype === dtype) &&
    (!outcome || result.status === outcome || result.outcome === outcome) &&
    (!words || text(result).includes(words)));
}

/** All text of a result, in lower case. */
function text(result) {
  if (result.text === undefined) {
    const { message = "", reason = "", story = "" } = result.more;
    result.text = [result.id, result.adapter, story, reason, message].join("\n").toLowerCase();
  }
  return result.text;
}

/** Fill the menus that depend on the results, and let the form change the address. */
function startFilters() {
  const there = (name) => [...new Set(results.map((result) => result[name]))];
  const outcomes = [...page.statuses, ...page.outcomes].filter((name) => there("status").includes(name) || there("outcome").includes(name));
  for (const [name, values] of [["dtype", there("dtype").sort()], ["outcome", [...new Set(outcomes)]]]) {
    form.elements[name].append(...values.map((value) => element("option", { value }, STATUS_WORDS[value] || value)));
  }
  const apply = () => {
    const changes = Object.fromEntries(FILTERS.map((name) => [name, form.elements[name].value || null]));
    location.replace(changed({ ...changes, page: null }));
  };
  form.addEventListener("change", apply);
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-filter]");
    if (!button) return;
    const none = Object.fromEntries([...FILTERS, "page", "sort"].map((name) => [name, null]));
    location.hash = changed({ ...none, ...Object.fromEntries(new URLSearchParams(button.dataset.filter)) });
    document.getElementById("results-title").focus();
    document.getElementById("results").scrollIntoView();
  });
}

function showFilters(parameters) {
  for (const name of FILTERS) {
    const field = form.elements[name], value = parameters.get(name) || "";
    if (field.value !== value) field.value = value;
  }
}
