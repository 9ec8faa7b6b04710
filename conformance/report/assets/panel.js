"use strict";
// One result in full: verdict, message, diagnosis, curves, the case, where it ran.

const panel = document.getElementById("panel");

function showPanel(result) {
  if (!result) {
    if (panel.open) panel.close();
    return;
  }
  clearPlots();
  document.getElementById("panel-title").textContent = result.id;
  const { more } = result;
  const figures = figuresOf(result);
  panel.querySelector(".body").replaceChildren(...[
    verdict(result),
    more.message ? section("Message", element("pre", {}, more.message)) : null,
    more.reason ? section("Why it is unsupported", element("p", {}, more.reason)) : null,
    more.suspects ? section("Diagnosis", suspects(more.suspects)) : null,
    more.deviation === undefined ? null : section("Known deviation", deviation(page.deviations[more.deviation])),
    result.cause < 0 ? null : section("Cause", element("p", {}, element("a", { href: `#${page.causes[result.cause].address}` }, page.causes[result.cause].title))),
    ...figures,
    more.profile?.gradients ? section("Noise of the gradients, by gate", gradients(more.profile.gradients)) : null,
    more.traceback ? element("details", {}, element("summary", {}, "Traceback"), element("pre", {}, more.traceback)) : null,
    section("The same case elsewhere", elsewhere(result)),
    section("Case", caseOf(result)),
    section(`Where ${result.adapter} ran`, environment(result.info)),
  ].filter(Boolean));
  if (!panel.open) panel.showModal();
  for (const one of figures) one.draw();
  panel.scrollTop = 0;
}

function section(title, ...content) {
  return element("section", {}, element("h3", {}, title), content);
}

function verdict(result) {
  const pair = (name, value) => (value ? element("span", {}, `${name} `, element("b", {}, value)) : null);
  const version = Object.values(result.info.versions)[0] || "";
  return element("div", { class: "verdict" },
    element("span", { class: `outcome ${result.status}` }, outcomeWords(result)),
    element("span", {}, element("b", {}, result.adapter), ` ${version}`),
    pair("noise", noNumber(result) ? "∞" : short(result.noise)),
    pair("allowed", result.outcome === "unsupported" ? "" : short(result.allowed)),
    pair("judged as", result.precision),
    pair("dtype", result.dtype),
    pair("time", result.ms ? `${short(result.ms)} ms` : ""));
}

const HOW = {
  reproduces: (suspect) => `${suspect.mistakes.length > 1 ? "together they reproduce" : "reproduces"} the answer, noise ${short(suspect.noise)}`,
  precision: (suspect) => `the answer is right in ${suspect.precision}, noise ${short(suspect.noise)} there`,
  resembles: () => "the error has its kind and size; the exact digits depend on the framework",
};

function suspects(found) {
  if (!found.length) return element("p", {}, "No mistake in the catalogue explains the answer.");
  return element("ul", {}, found.map((suspect) => element("li", {},
    suspect.mistakes.map((id, n) => [n ? " with " : "", mistake(id)]), element("br"),
    element("span", { class: "quiet" }, (HOW[suspect.how] || (() => suspect.how))(suspect)))));
}

/** A mistake: its name in docs/mistakes.md, what is done wrong, and an example of a framework that does it. */
function mistake(id) {
  const known = page.mistakes[id];
  if (!known) return element("code", {}, id);
  return element("span", {}, known.page ? webLink(known.page, element("code", {}, id)) : element("code", {}, id), `: it ${known.what}`,
    known.link ? [" (", webLink(known.link, "an example"), ")"] : null);
}

function deviation(written) {
  return definitions({
    reason: written.reason,
    mistake: written.mistake?.length ? element("span", {}, written.mistake.map((id, n) => [n ? ", " : "", element("code", {}, id)])) : null,
    reported: written.link ? webLink(written.link) : null,
    versions: pairs(written.versions),
    reproduction: written.repro ? element("code", {}, written.repro) : null,
    "written in": written.where,
  });
}

function figuresOf(result) {
  const { profile } = result.more, found = [];
  if (!profile) return found;
  const directions = Object.keys(profile.y), onlyOne = directions.length === 1;
  found.push(figure({
    title: "Noise of y", every: profile.every, limit: result.allowed, unit: "noise of y, worst of rows and units",
    note: directions.includes("reverse") ? "Steps are in the order of time; a reverse scan runs from right to left." : "",
    series: directions.map((direction) => ({ name: onlyOne ? "y" : `y ${direction}`, values: profile.y[direction] })),
  }));
  for (const [direction, gates] of Object.entries(profile.gates || {})) {
    const where = `layer ${profile.layer}${onlyOne ? "" : `, ${direction}`}`;
    found.push(figure({
      title: `Gates and states, ${where}`, every: profile.every, unit: "absolute difference, largest of rows and units",
      note: `How far the computation with ${profile.mistake.join(" and ")} is from the right one.`,
      series: Object.entries(gates).map(([name, values]) => ({ name, values })),
    }));
  }
  return found;
}

function gradients(by) {
  const head = element("tr", {}, element("th", { scope: "col" }, "gradient"), ["i", "f", "g", "o"].map((gate) => element("th", { scope: "col", class: "number" }, gate)));
  const rows = Object.entries(by).map(([name, noises]) => element("tr", {}, element("th", { scope: "row" }, name), noises.map((noise) => element("td", { class: "number" }, short(noise)))));
  return element("table", {}, element("thead", {}, head), element("tbody", {}, rows));
}

function elsewhere(result) {
  const others = results.filter((other) => other.id === result.id && other !== result);
  if (!others.length) return element("p", { class: "quiet" }, "No other adapter ran it.");
  return element("table", { class: "plain" }, element("tbody", {}, others.map((other) => element("tr", {},
    element("th", { scope: "row" }, element("a", { href: openAddress(other) }, other.adapter)),
    element("td", { class: `outcome ${other.status}` }, outcomeWords(other)),
    element("td", { class: "number" }, noNumber(other) ? "∞" : short(other.noise))))));
}

function caseOf(result) {
  const spec = page.specs[result.id];
  if (!spec) return element("p", {}, "The specs that this page was made from do not contain this case.");
  return definitions({
    description: spec.description, source: spec.source ? webLink(spec.source) : null, sizes: spec.sizes, dtype: result.dtype,
    ...spec.options, tolerance: spec.tolerance, inputs: spec.inputs, weights: spec.weights, outputs: spec.outputs, "written in": spec.origin,
  });
}

function environment(info) {
  return definitions({ versions: pairs(info.versions), device: info.device, settings: pairs(info.settings), python: info.python, processor: info.processor, machine: info.machine });
}

function pairs(values) {
  return Object.entries(values || {}).map(([name, value]) => `${name} ${value}`).join(", ");
}

function definitions(values) {
  const there = Object.entries(values).filter(([, value]) => value);
  return element("dl", {}, there.flatMap(([name, value]) => [element("dt", {}, name.replaceAll("_", " ")), element("dd", {}, value)]));
}

function startPanel(step) {
  panel.addEventListener("close", () => {
    clearPlots();
    if (state().get("open")) location.replace(changed({ open: null }));
  });
  panel.addEventListener("click", (event) => {
    const { step: by, close } = event.target.dataset;
    if (by) step(Number(by));
    if (close !== undefined || event.target === panel) panel.close();
  });
}
