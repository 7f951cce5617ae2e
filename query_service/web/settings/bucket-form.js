/** The form of a bucket's whole policy. Named transformations have a part of their own. */
import { fieldOf } from "../app/dialog.js";
import { el } from "../app/dom.js";
import { asProblem } from "../app/problem.js";
import { EXTENSIONS, orderOf, RENDERING } from "./bucket-policy.js";
import { policyOf } from "./bucket-store.js";
import { tick, ticks } from "./fields.js";
import { Rules } from "./lifecycle.js";
import { sizeText } from "./sizes.js";

const READERS = [{ value: "private", label: "Those who have a signed address" }, { value: "public", label: "Everybody" }];
const field = (name, label, value, more = {}) => fieldOf({ name, label, value: value ?? "", spellcheck: false, ...more });
const whole = (name, label, value, hint = null) => field(name, label, value, { type: "number", min: 1, step: 1, hint });
const list = (name, label, values, hint) => field(name, label, values.join("\n"), { type: "textarea", hint });
const card = (legend, ...children) => el("fieldset.card", {}, el("legend", {}, legend), children);

/** `save(order)` may throw: then the form says why. Without `admin` it is to be read only. */
export function formOf(bucket, regions, admin, save) {
  const rules = new Rules(bucket.lifecycle);
  const wrong = el("p.wrong", { role: "alert", hidden: true });
  const form = el("form.policy", { "aria-label": `Policy of ${bucket.name}`, onsubmit: send }, el("fieldset.all", { disabled: !admin },
    reading(bucket), uploads(bucket), keeping(bucket, regions, rules), making(bucket), from(bucket)),
  wrong, admin && el("div.row.end", {}, el("button.primary", { type: "submit" }, "Save the policy")));

  async function send(event) {
    event.preventDefault();
    wrong.hidden = true;
    event.submitter.disabled = true;
    try {
      await save(orderOf(Object.fromEntries(new FormData(form)), rules.value, policyOf(bucket)));
    } catch (error) {
      wrong.textContent = asProblem(error).message;
      wrong.hidden = false;
    }
    event.submitter.disabled = false;
  }

  return form;
}

const reading = (bucket) => card("Reading",
  fieldOf({ name: "visibility", label: "Its images can be read by", options: READERS, value: bucket.visibility }),
  tick("unsigned", "Whoever may read an image may have anything made of it", bucket.unsigned_transformations, "Otherwise only named transformations and signed addresses."));

const uploads = (bucket) => card("What may be uploaded",
  el("div.pair", {}, field("max_bytes", "Largest file", sizeText(bucket.max_bytes), { hint: "Such as 20 MB. Empty: what the nodes allow." }), whole("max_pixels", "Most pixels", bucket.max_pixels)),
  ticks("allowed", "Only these formats", EXTENSIONS, bucket.allowed ?? [], "None ticked: all of them."),
  field("durability", "Regions that must have it before it is acknowledged", bucket.durability, { pattern: "local|all|regions:[1-9][0-9]?", hint: "local, all, or regions:2" }),
  tick("versioning", "Keep older versions", bucket.versioning, "Otherwise an upload to a taken name deletes what was there."),
  tick("strip", "Take out what cameras and programs wrote into files", bucket.metadata === "strip"));

const keeping = (bucket, regions, rules) => card("How much, how long, where",
  el("div.pair", {}, field("quota_bytes", "Quota", sizeText(bucket.quota.bytes), { hint: "Such as 200 GB. Empty: none." }), whole("quota_assets", "Most images", bucket.quota.assets, "Empty: no limit.")),
  rules.element,
  regions.length > 0 && ticks("home", "Images stay in these regions", regions, bucket.home_regions, "None ticked: they may lie anywhere. Can be narrowed while the bucket is empty."));

const making = (bucket) => card("What is made of images",
  list("eager", "Made at once of each upload", bucket.eager, "One transformation a line, or t_NAME."),
  el("details", {}, el("summary", {}, "Limits of renditions"), el("div.pair", {}, RENDERING.map(([name, label]) => whole(name, label, bucket.rendering[name]))),
    ticks("source", "Made of these formats only", EXTENSIONS, bucket.rendering.sources ?? [], "None ticked: of all.")));

const from = (bucket) => card("From elsewhere",
  list("cors", "Web pages that may upload with tickets", bucket.cors, "One origin a line: https, host, and port if any; * for all."),
  list("fetch_hosts", "Hosts that images may be fetched from", bucket.fetch_hosts, "One a line; *.example.org for all under it. Empty: no fetching."));
