"use strict";
// The results as objects, and the few helpers that every part of the page uses.

const page = JSON.parse(document.getElementById("data").textContent);

const results = page.results.case.map((place, n) => {
  const column = page.results, [id, dtype, allowed] = page.cases[place];
  return {
    n, id, dtype, allowed,
    family: id.split("/", 1)[0],
    adapter: page.adapters[column.adapter[n]].name,
    info: page.adapters[column.adapter[n]],
    outcome: page.outcomes[column.outcome[n]],
    status: page.statuses[column.status[n]],
    noise: column.noise[n],
    ms: column.ms[n],
    precision: page.precisions[column.precision[n]],
    more: page.more[column.more[n]] || {},
    cause: column.cause[n],
  };
});

/** A failure without a number: a wrong shape, a NaN. */
function noNumber(result) {
  return result.noise === null && result.outcome === "failed";
}

/** Why a result is what it is, as the list says it: the known deviation, or what happened and its first numbers. */
function reason(result) {
  const { reason = "", story = "", message = "", suspects, deviation } = result.more;
  if (result.status === "known") return page.deviations[deviation].reason;
  if (!suspects) return reason || story; // an error's story is its first line already
  return `${story}. ${message.split("\n", 2)[1]?.trim() ?? ""}`;
}

/** The result's outcome in words; a known deviation says so. */
function outcomeWords(result) {
  if (result.status === "unexpected" || result.status === "xpass") return `unexpected: ${result.outcome}`;
  return result.status === "known" ? `known: ${result.outcome}` : result.outcome;
}

/** A number short enough to compare by eye. */
function short(value) {
  if (value === null || value === undefined) return "";
  if (value === Infinity || value === "inf") return "∞";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e4 || size < 1e-2) return value.toExponential(1).replace("e+", "e").replace(".0e", "e");
  return size >= 100 ? String(Math.round(value)) : String(Number(value.toPrecision(2)));
}

/** An element. Texts are texts: nothing that a result says is ever read as HTML. */
function element(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) if (value !== null) node.setAttribute(key, value);
  node.append(...children.flat(Infinity).filter((child) => child !== null && child !== undefined && child !== ""));
  return node;
}

/** A link to the web; for anything but a web address, the text alone. */
function webLink(address, text = address) {
  return /^https?:\/\//.test(address) ? element("a", { href: address, rel: "noreferrer" }, text) : text;
}
