/** The rules after which images of a bucket expire, as rows of a form. */
import { fieldOf } from "../app/dialog.js";
import { el } from "../app/dom.js";

const MOST = 32;

export class Rules {
  constructor(rules) {
    this.list = el("div.rules", {}, rules.map((rule) => this.row(rule)));
    this.more = el("button", { type: "button", onclick: () => this.add() }, "Add a rule");
    this.element = el("fieldset.ticks", {}, el("legend", {}, "Images expire"), this.list, this.more);
  }

  add() {
    if (this.list.children.length >= MOST) return;
    const row = this.row({ expire_days: 30, prefix: "", tag: null });
    this.list.append(row);
    row.querySelector("input").focus();
  }

  row(rule) {
    const row = el("div.rule", { role: "group", "aria-label": "Rule" },
      fieldOf({ label: "After days", "data-member": "days", type: "number", min: 1, max: 36500, value: rule.expire_days, required: true }),
      fieldOf({ label: "Name begins so", "data-member": "prefix", value: rule.prefix, maxLength: 512, spellcheck: false }),
      fieldOf({ label: "Has the tag", "data-member": "tag", value: rule.tag ?? "", maxLength: 64 }),
      el("button.quiet", { type: "button", onclick: () => { row.remove(); this.more.focus(); } }, "Remove"));
    return row;
  }

  /** As the API has them. */
  get value() {
    return [...this.list.children].map((row) => {
      const said = (member) => row.querySelector(`[data-member="${member}"]`).value;
      return { expire_days: Number(said("days")), prefix: said("prefix"), tag: said("tag").trim() || null };
    });
  }
}
