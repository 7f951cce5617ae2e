/**
 * Which window is at which uploads, so that two windows never send the same file: each holds a lock of its own as long as it
 * lives, and what a window has that lives no more may be taken up. Without locks (no TLS) every window is thought alone.
 */
const NAME = "atoll-uploads";

/** Where there is no TLS there is no randomUUID. */
export const newId = () => [...crypto.getRandomValues(new Uint8Array(16))].map((byte) => byte.toString(16).padStart(2, "0")).join("");

/** This window. */
export const here = newId();

let holding = null;

/** Be seen by other windows, from now on. */
export function appear() {
  holding ??= !navigator.locks ? Promise.resolve() : new Promise((held, failed) => {
    navigator.locks.request(`${NAME} ${here}`, () => new Promise(() => held())).catch(failed);
  });
  return holding;
}

/** `take(alive)` while no other window takes anything up; `alive(id)`: whether a window is there, this one aside. */
export async function alone(take) {
  if (!navigator.locks) return take(() => false);
  return navigator.locks.request(NAME, async () => {
    const names = new Set((await navigator.locks.query()).held.map((lock) => lock.name));
    return take((id) => id !== here && names.has(`${NAME} ${id}`));
  });
}

/** When that window is there no more; one that is being reloaded is for a moment. */
export const closed = (id) => navigator.locks.request(`${NAME} ${id}`, () => {});
