/** What administrators of the whole cluster may order here: drain and take back nodes, remove them, seal sets. */
import { api, segment } from "../app/api.js";
import { askPerson } from "../app/dialog.js";
import { may, signedIn } from "../app/session.js";
import { tell } from "../app/toasts.js";

/** Whether the key may change the cluster: a limited one may not, whatever its scopes. */
export const mayOrder = () => may("admin") && !signedIn().buckets.length && !signedIn().prefixes.length;

/** GET /v1/nodes/…/drain is refused to limited keys, too. */
export const mayLook = () => may("read") && !signedIn().buckets.length && !signedIn().prefixes.length;

const changeNode = (name, state) => api.patch(`/v1/nodes/${segment(name)}`, { state });

/** A node takes no uploads any more, and goes on serving. */
export async function drain(name) {
  const done = await askPerson({
    title: `Drain ${name}?`,
    text: "It takes no uploads any more and goes on serving, while the other nodes of its set take what they lack. It can be taken back at any time.",
    action: "Drain",
    submit: () => changeNode(name, "draining"),
  });
  if (done) tell(`${name} is draining.`);
}

/** A draining node is as before. */
export async function takeBack(name) {
  await changeNode(name, "active");
  tell(`${name} takes uploads again.`);
}

/** For good; refused unless all it holds is confirmed elsewhere. */
export async function remove(name) {
  const done = await askPerson({
    title: `Remove ${name} for good?`,
    text: "It leaves the cluster and does not come back under this name. This is refused unless every image of it is confirmed on the other nodes of its set.",
    action: "Remove for good",
    danger: true,
    submit: () => changeNode(name, "removed"),
  });
  if (done) tell(`${name} has left the cluster.`);
}

/** How far a drain is. */
export const drainOf = (name) => api.get(`/v1/nodes/${segment(name)}/drain`, {}, { tries: 1 });

/** A sealed set takes no new images and goes on serving. */
export async function seal(name, sealed) {
  if (!sealed) {
    await api.patch(`/v1/sets/${segment(name)}`, { sealed });
    return tell(`The set ${name} takes images again.`);
  }
  const done = await askPerson({
    title: `Seal the set ${name}?`,
    text: "It takes no new images and goes on serving what it has. It can be unsealed at any time.",
    action: "Seal",
    submit: () => api.patch(`/v1/sets/${segment(name)}`, { sealed }),
  });
  return done && tell(`The set ${name} is sealed.`);
}
