/** A bucket's policy as the API takes it: whole. So it is written only in the place of what the person has seen. */
import { api, segment } from "../app/api.js";

export const bucketPath = (name) => `/v1/buckets/${segment(name)}`;

/** What a bucket's policy is: all that a PUT takes. */
export const policyOf = ({ name, usage, ending, etag, ...policy }) => policy;

/** Write a policy that was made from `seen`, unless it is another one by now. */
export async function save(seen, order) {
  try {
    return await api.put(bucketPath(seen.name), order, { headers: { "If-Match": `"${seen.etag}"` } });
  } catch (problem) {
    if (problem.status !== 412) throw problem;
    throw new Error("Somebody changed this bucket meanwhile. Reload the page, and look at what it is now.");
  }
}
