// One sentence at a time for what went wrong, read out at once, gone after a while.

import { find } from "./elements.js";

const SECONDS = 8;

export class Toast {
  constructor() {
    this.box = find("toast", HTMLDivElement);
    this.text = find("toast-text", HTMLSpanElement);
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    find("toast-close", HTMLButtonElement).addEventListener("click", () => this.hide());
  }

  /** @param {string} sentence */
  show(sentence) {
    this.box.hidden = false;
    this.text.textContent = sentence;
    clearTimeout(this.timer);
    this.timer = setTimeout(() => this.hide(), SECONDS * 1000);
  }

  hide() {
    clearTimeout(this.timer);
    this.box.hidden = true;
    this.text.textContent = "";
  }
}
