/** Fields that several parts of the settings have, beside those of app/dialog.js, and lists of things as tables. */
import { el } from "../app/dom.js";

export { button } from "../app/button.js";

let number = 0;

/** A box to tick. */
export function tick(name, label, checked = false, hint = null) {
  const id = `tick-${++number}`;
  return el("div.tick", {}, el("input", { type: "checkbox", id, name, checked, "aria-describedby": hint ? `${id}-hint` : null }),
    el("label", { htmlFor: id }, label), hint && el("p.hint", { id: `${id}-hint` }, hint));
}

/**
 * Boxes to tick under one heading, named `prefix:value`. What is chosen and not among the values any more has a box, too:
 * without one it would be lost at the next change of something else, and where none means all, a limit with it.
 */
export function ticks(prefix, legend, values, chosen = [], hint = null) {
  return el("fieldset.ticks", {}, el("legend", {}, legend),
    [...new Set([...values, ...chosen])].map((value) => tick(`${prefix}:${value}`, value, chosen.includes(value))), hint && el("p.hint", {}, hint));
}

/** Which boxes of `ticks` are ticked, of a form's values. */
export const ticked = (values, prefix) => Object.keys(values).filter((name) => name.startsWith(`${prefix}:`)).map((name) => name.slice(prefix.length + 1));

/** Lines of a text that say something. */
export const lines = (text) => text.split("\n").map((line) => line.trim()).filter(Boolean);

/** The same where they are the beginnings of names: a space at the end is part of one, and without it more names begin so. */
export const beginnings = (text) => text.split(/\r?\n/).filter((line) => line.trim());

/** A table; on a phone each row is a card. Roles are said, for a table that is laid out as blocks is none. */
export function tableOf(label, heads, rows) {
  const cell = (content, index) => el("td", { role: "cell", "data-head": heads[index] }, el("div", {}, content));
  return el("table.listed", { role: "table", "aria-label": label },
    el("thead", { role: "rowgroup" }, el("tr", { role: "row" }, heads.map((text) => el("th", { role: "columnheader", scope: "col" }, text || el("span.seen-by-readers", {}, "What can be done"))))),
    el("tbody", { role: "rowgroup" }, rows.map((cells) => el("tr", { role: "row" }, cells.map(cell)))));
}

/** A state in a word, with a sign before it. */
export const state = (word, kind) => el("span.state", { "data-state": kind }, word);

/** Heading, buttons and a sentence over a part. */
export const head = (title, sentence, ...buttons) => el("header.part-head", {}, el("div.row", {}, el("h2", {}, title), el("span.spread"), buttons), sentence && el("p.muted", {}, sentence));
