/** Light, dark, or as the system has it. Kept in this browser. */

const KEY = "atoll.theme";
const CHOICES = ["auto", "light", "dark"];

/** What was chosen. */
export function theme() {
  const kept = localStorage.getItem(KEY);
  return CHOICES.includes(kept) ? kept : "auto";
}

/** Put what was chosen into force. */
export function applyTheme() {
  document.documentElement.dataset.theme = theme();
}

/** The next of the three; answers it. */
export function turnTheme() {
  const next = CHOICES[(CHOICES.indexOf(theme()) + 1) % CHOICES.length];
  localStorage.setItem(KEY, next);
  applyTheme();
  return next;
}
