// The box a message is written in, with at most one file.

import { find } from "./elements.js";

const UNITS = ["byte", "kilobyte", "megabyte", "gigabyte"];

export class Composer {
  /** @param {(text: string, file: File | null) => void} onSend */
  constructor(onSend) {
    this.onSend = onSend;
    this.input = find("message-input", HTMLTextAreaElement);
    this.button = find("send", HTMLButtonElement);
    this.fileInput = find("file-input", HTMLInputElement);
    this.attachment = find("attachment", HTMLDivElement);
    this.attachmentName = find("attachment-name", HTMLSpanElement);
    this.attachmentSize = find("attachment-size", HTMLSpanElement);
    /** @type {File | null} */
    this.file = null;

    find("composer", HTMLFormElement).addEventListener("submit", (event) => {
      event.preventDefault();
      this.#send();
    });
    this.input.addEventListener("input", () => this.#update());
    this.input.addEventListener("keydown", (event) => {
      // While an input method composes, Enter accepts its proposal.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.#send();
    });
    this.input.addEventListener("paste", (event) => {
      const pasted = event.clipboardData?.files[0];
      if (!pasted) return;
      event.preventDefault();
      this.#attach(pasted);
    });
    find("attach", HTMLButtonElement).addEventListener("click", () => this.fileInput.click());
    this.fileInput.addEventListener("change", () => this.#attach(this.fileInput.files?.[0] ?? null));
    find("attachment-remove", HTMLButtonElement).addEventListener("click", () => {
      this.#attach(null);
      this.input.focus();
    });
    this.#update();
  }

  focus() {
    // On a phone the keyboard would cover what is to be read.
    if (matchMedia("(hover: hover)").matches) this.input.focus({ preventScroll: true });
  }

  /** Forget what was being written: another chat was opened. */
  clear() {
    this.input.value = "";
    this.#attach(null);
  }

  #send() {
    const text = this.input.value.trim();
    if (!text && !this.file) return;
    const file = this.file;
    this.clear();
    this.onSend(text, file);
    this.input.focus({ preventScroll: true });
  }

  /** @param {File | null} file */
  #attach(file) {
    this.file = file;
    this.attachment.hidden = file === null;
    this.attachmentName.textContent = file?.name ?? "";
    this.attachmentSize.textContent = file ? sizeOf(file) : "";
    // Else choosing the same file once more would be no change.
    this.fileInput.value = "";
    this.#update();
    if (file) this.input.focus({ preventScroll: true });
  }

  #update() {
    this.button.disabled = !this.input.value.trim() && !this.file;
    this.input.style.height = "auto";
    this.input.style.height = `${this.input.scrollHeight}px`;
  }
}

/** @param {File} file */
function sizeOf({ size }) {
  const power = Math.min(UNITS.length - 1, Math.floor(Math.log(Math.max(1, size)) / Math.log(1000)));
  const format = new Intl.NumberFormat(document.documentElement.lang || undefined, {
    style: "unit",
    unit: UNITS[power],
    unitDisplay: "short",
    maximumFractionDigits: power ? 1 : 0,
  });
  return format.format(size / 1000 ** power);
}
