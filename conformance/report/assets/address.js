"use strict";
// The address says what is shown, after the #: it can be bookmarked, sent, and returned to.
//
//   #family=lengths&outcome=known&columns=numpy,torch     all results: filters of the list, chosen columns
//   #adapter/torch?outcome=failed                         a view, which is an article with this id, and filters of its list
//   #...&open=torch lengths/unsorted-forward-f32          a case that is open beside it

const CHOICE = ["columns", "differ"];

/** The view and the parameters of the address; the view is empty for all results. */
function parts() {
  const hash = location.hash.slice(1), [before, after = ""] = split(hash, "?");
  if (!/^[a-z]+\/[^=]*$/.test(before)) return ["", hash];
  try {
    return [decodeURIComponent(before), after];
  } catch {
    return [before, after]; // a lone % is not a code
  }
}

function split(text, mark) {
  const at = text.indexOf(mark);
  return at < 0 ? [text] : [text.slice(0, at), text.slice(at + 1)];
}

function view() {
  return parts()[0];
}

function state() {
  const parameters = new URLSearchParams(parts()[1]);
  parameters.delete("all");
  return parameters;
}

/** The address of a view in a state; never an empty #, which would lead to the top of the page. */
function addressOf(parameters, at = view()) {
  for (const [key, value] of [...parameters]) if (!value) parameters.delete(key);
  const said = String(parameters).replaceAll("%2C", ",").replaceAll("%2F", "/");
  if (at) return said ? `#${encodeURI(at)}?${said}` : `#${encodeURI(at)}`;
  return said ? `#${said}` : "#all";
}

/** The address of this state with some parts changed; null takes one away. */
function changed(changes, at = view()) {
  const parameters = state();
  for (const [key, value] of Object.entries(changes)) {
    if (value === null) parameters.delete(key);
    else parameters.set(key, value);
  }
  return addressOf(parameters, at);
}

/** The address of another view, or of all results: of this state it keeps the chosen columns and cases. */
function addressOfView(at) {
  const kept = [...state()].filter(([key]) => CHOICE.includes(key));
  return addressOf(new URLSearchParams(kept), at);
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
