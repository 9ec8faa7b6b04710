"use strict";
// A view is an article with an address of its own, shown in place of the overview, with the list of its results below.
// Views are found by their class: one that is added to the page needs nothing here but to say, in `inTheView`, which
// results are its own.

let scrolled = 0;

/** A test of results: whether the view that is shown is about them. */
function inTheView() {
  const at = view(), article = viewAt(at);
  if (!article) return () => true;
  const cause = page.causes.findIndex((each) => each.address === at);
  if (cause >= 0) return (result) => result.cause === cause;
  const { adapter, case: id } = article.dataset; // the view of an adapter, or of a layer of a model
  return (result) => result.adapter === adapter || result.id === id;
}

function viewAt(at) {
  const found = at ? document.getElementById(at) : null;
  return found?.matches("article.view") ? found : null;
}

/** Show what the address names.
 *  from: how far the page was scrolled. move: whether the reader came here by a step, and is to be led to its beginning. */
function showView(at, from, move) {
  const article = viewAt(at), before = document.querySelector("article.view.shown");
  const missing = document.getElementById("missing");
  missing.hidden = !at || Boolean(article);
  missing.textContent = missing.hidden ? "" : `Nothing here has the address #${at}: what it named may be mended, or in another report.`;
  if (article === before && before) return;
  if (!before && article) scrolled = from;
  before?.classList.remove("shown");
  article?.classList.add("shown");
  document.documentElement.classList.toggle("in-view", Boolean(article));
  const title = article?.querySelector("h1").textContent.trim().replace(/\s+/g, " ");
  document.title = title ? `${title} · LSTM conformance` : TITLE;
  if (article) {
    scrollTo(0, 0);
    if (move) article.querySelector("h1").focus({ preventScroll: true });
  } else if (before) {
    scrollTo(0, scrolled);
    const opener = document.querySelector(`.overview a[href="#${CSS.escape(before.id)}"]`);
    opener?.focus({ preventScroll: true });
  }
}

const TITLE = document.title;

/** Links of the page know no state: those to a view keep the chosen columns, those to a case keep the view. */
function startViews() {
  document.addEventListener("click", (event) => {
    const link = event.target.closest("a[href^='#']");
    if (!link || event.button || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey) return;
    const to = link.getAttribute("href").slice(1), home = link.dataset.home !== undefined;
    if (home || viewAt(to)) location.hash = addressOfView(home ? "" : to);
    else if (to.startsWith("open=")) location.hash = changed({ open: new URLSearchParams(to).get("open") });
    else return;
    event.preventDefault();
  });
}
