"use strict";
// The address holds what is shown, after the #: it can be bookmarked, sent, and returned to.

const FILTERS = ["family", "adapter", "dtype", "outcome", "q"];
const STATUS_WORDS = { unexpected: "failed unexpectedly", xpass: "passed unexpectedly", known: "known deviation" };
const form = document.getElementById("filters");

function state() {
  return new URLSearchParams(location.hash.slice(1));
}

/** The address of a state; never an empty #, which would lead to the top of the page. */
function addressOf(parameters) {
  for (const [key, value] of [...parameters]) if (!value) parameters.delete(key);
  return `#${parameters}` === "#" ? "#all" : `#${parameters}`;
}

/** The address of this state with some parts changed; null takes one away. */
function changed(changes) {
  const parameters = state();
  parameters.delete("all");
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) parameters.delete(key);
    else parameters.set(key, value);
  }
  return addressOf(parameters);
}

function openAddress(result) {
  return changed({ open: `${result.adapter} ${result.id}` });
}

/** The result that the address opens, if there is one. */
function opened() {
  const open = state().get("open");
  if (!open) return null;
  const space = open.lastIndexOf(" ");
  const adapter = open.slice(0, space), id = open.slice(space + 1);
  return results.find((result) => result.id === id && result.adapter === adapter) || null;
}

/** The results that pass all filters. */
function filtered(parameters) {
  const [family, adapter, dtype, outcome, q] = FILTERS.map((name) => parameters.get(name));
  const words = (q || "").toLowerCase();
  return results.filter((result) =>
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
    location.hash = addressOf(new URLSearchParams(button.dataset.filter));
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
