"use strict";
// The list of results, one page at a time.

const ROWS = 100;
const COLLATOR = new Intl.Collator("en", { numeric: true });
const SORTS = {
  case: (result) => result.id,
  status: (result) => page.statuses.indexOf(result.status),
  noise: (result) => (noNumber(result) ? Infinity : result.noise === null ? -1 : result.noise),
  ms: (result) => result.ms,
};

/** The filtered results in the order asked for: `noise` smallest first, `-noise` largest first. */
function listed(parameters) {
  const found = filtered(parameters), sort = parameters.get("sort") || (!view() && parameters.get("differ") ? "case" : "");
  if (!sort) return found;
  const name = sort.replace("-", ""), sign = sort.startsWith("-") ? -1 : 1;
  const key = SORTS[name] || ((result) => result[name]);
  const order = (a, b) => (typeof a === "number" ? a - b || 0 : COLLATOR.compare(a, b));
  return found.sort((a, b) => sign * order(key(a), key(b)) || a.n - b.n);
}

function showList(parameters) {
  const found = listed(parameters);
  const last = Math.max(0, Math.ceil(found.length / ROWS) - 1);
  const at = Math.min(Math.max(0, Number(parameters.get("page")) || 0), last);
  const shown = found.slice(at * ROWS, (at + 1) * ROWS);
  document.querySelector("#list tbody").replaceChildren(...shown.map(row));
  const number = (value) => value.toLocaleString("en");
  const range = found.length > ROWS ? `, ${number(at * ROWS + 1)} to ${number(at * ROWS + shown.length)} shown` : "";
  const of = found.length === results.length ? "" : ` of ${number(results.length)}`;
  document.getElementById("count").textContent = `${number(found.length)}${of} results${range}`;
  showPages(at, last);
  for (const head of document.querySelectorAll("#list [data-sort]")) {
    const sort = parameters.get("sort"), name = head.dataset.sort;
    if (sort === name) head.setAttribute("aria-sort", "ascending");
    else if (sort === `-${name}`) head.setAttribute("aria-sort", "descending");
    else head.removeAttribute("aria-sort");
  }
  return found;
}

/** On a phone a row is a block; its roles say that it is a row still. */
function row(result) {
  const cell = (name, ...content) => element("td", { role: "cell", class: name }, content);
  const why = reason(result);
  return element("tr", { role: "row" },
    cell(`outcome ${result.status}`, outcomeWords(result)),
    cell("case", element("a", { href: openAddress(result) }, result.id)),
    cell("adapter", result.adapter),
    cell("dtype", result.dtype),
    cell("number noise", noNumber(result) ? "∞" : short(result.noise)),
    cell("number ms", result.ms ? short(result.ms) : ""),
    cell("remark", why ? element("div", { title: why }, why) : null));
}

function showPages(at, last) {
  const nav = document.querySelector(".pages");
  nav.replaceChildren();
  if (last === 0) return;
  const button = (words, to) => {
    const node = element("button", { type: "button", "data-page": to }, words);
    node.disabled = to < 0 || to > last;
    return node;
  };
  nav.append(button("Previous page", at - 1), `page ${at + 1} of ${last + 1}`, button("Next page", at + 1));
}

function startList() {
  document.querySelector(".pages").addEventListener("click", (event) => {
    const to = event.target.dataset.page;
    if (to === undefined) return;
    location.replace(changed({ page: to === "0" ? null : to }));
    document.getElementById("results-title").focus();
    document.getElementById("results").scrollIntoView();
  });
  for (const head of document.querySelectorAll("#list [data-sort]")) {
    head.addEventListener("click", () => {
      const name = head.dataset.sort, sort = state().get("sort");
      const next = sort === `-${name}` ? name : sort === name ? null : `-${name}`;
      location.replace(changed({ sort: next, page: null }));
    });
  }
}
