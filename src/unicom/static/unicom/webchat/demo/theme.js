// Light or dark: the system's choice until the visitor makes one, which this browser then remembers.

const KEY = "unicom-demo-theme";
const root = document.documentElement;
const system = matchMedia("(prefers-color-scheme: dark)");

function remembered() {
  try {
    const theme = localStorage.getItem(KEY);
    return theme === "light" || theme === "dark" ? theme : null;
  } catch {
    return null; // storage is blocked: the choice lasts as long as the page
  }
}

/** @param {string | null} chosen */
function apply(chosen) {
  if (chosen) root.dataset.theme = chosen;
  root.dataset.scheme = chosen ?? (system.matches ? "dark" : "light");
}

apply(remembered());
system.addEventListener("change", () => apply(root.dataset.theme ?? null));

/** @param {HTMLButtonElement} button */
export function bindThemeToggle(button) {
  button.addEventListener("click", () => {
    const chosen = root.dataset.scheme === "dark" ? "light" : "dark";
    apply(chosen);
    try {
      localStorage.setItem(KEY, chosen);
    } catch {
      // Not remembered, still applied.
    }
  });
}
