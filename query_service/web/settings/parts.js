/** The parts of the settings, and who is offered them: by scope, and whether the key's limits let it see the whole. */
import { may, signedIn } from "../app/session.js";

const whole = () => signedIn().buckets.length + signedIn().prefixes.length === 0;
const admin = () => may("admin") && whole();
const buckets = () => may("read") && !signedIn().prefixes.length; // a bucket's policy is for keys that reach all of it

const PARTS = [
  { name: "buckets", label: "Buckets", offered: buckets, load: () => import("./buckets.js") },
  { name: "transformations", label: "Named transformations", offered: buckets, load: () => import("./transformations.js") },
  { name: "keys", label: "API keys", offered: admin, load: () => import("./keys.js") },
  { name: "signing-keys", label: "Signing keys", offered: admin, load: () => import("./signing-keys.js") },
  { name: "upload-keys", label: "Upload keys", offered: admin, load: () => import("./upload-keys.js") },
  { name: "webhooks", label: "Webhooks", offered: admin, load: () => import("./webhooks.js") },
  { name: "usage", label: "Usage", offered: buckets, load: () => import("./usage.js") },
];

/** Those that the key that is signed in may see. */
export const offered = () => PARTS.filter((part) => part.offered());
