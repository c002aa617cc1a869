// Lets the visitor choose how the chat looks; the choice is kept for the next visit.

const KEY = "unicom-webchat-demo-look";
const buttons = [...document.querySelectorAll("[data-look]")];

function show(name) {
  const chosen = buttons.find((button) => button.dataset.look === name) ?? buttons[0];
  for (const button of buttons) button.setAttribute("aria-pressed", String(button === chosen));
  document.documentElement.dataset.look = chosen.dataset.look;
  document.getElementById("chat")?.setAttribute("theme", chosen.dataset.theme);
}

for (const button of buttons) {
  button.addEventListener("click", () => {
    show(button.dataset.look);
    try {
      localStorage.setItem(KEY, button.dataset.look);
    } catch {
      // Storage is forbidden: the choice lasts as long as the page.
    }
  });
}

let kept = null;
try {
  kept = localStorage.getItem(KEY);
} catch {
  // Likewise.
}
show(new URLSearchParams(location.search).get("theme") ?? kept ?? "auto");
