// The two questions the page asks: a new title, and whether to delete.

import { find } from "./elements.js";
import { text } from "./texts.js";

/**
 * @param {string} title the present one
 * @returns {Promise<string | null>} null: cancelled, or left as it was
 */
export async function askTitle(title) {
  const input = find("rename-input", HTMLInputElement);
  input.value = title;
  const answer = ask(find("rename-dialog", HTMLDialogElement));
  // The field and not the first button, which is what the dialog would choose.
  input.focus();
  input.select();
  const chosen = (await answer) === "save" ? input.value.trim() : "";
  return chosen && chosen !== title ? chosen : null;
}

/**
 * @param {string} title
 * @returns {Promise<boolean>}
 */
export async function confirmDelete(title) {
  find("delete-question", HTMLParagraphElement).textContent = text("deleteQuestion", { title });
  return (await ask(find("delete-dialog", HTMLDialogElement))) === "delete";
}

/**
 * @param {HTMLDialogElement} dialog
 * @returns {Promise<string>} the pressed button's value; empty when it was cancelled
 */
function ask(dialog) {
  // Escape keeps the value of the time before.
  dialog.returnValue = "";
  // No submit button: as the first of the form it would be the one that Enter presses.
  const cancel = dialog.querySelector(".cancel");
  const close = () => dialog.close("");
  cancel?.addEventListener("click", close);
  dialog.showModal();
  return new Promise((resolve) => {
    const done = () => {
      cancel?.removeEventListener("click", close);
      resolve(dialog.returnValue);
    };
    dialog.addEventListener("close", done, { once: true });
  });
}
