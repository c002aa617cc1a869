// The menu of one chat: rename, archive, delete. One menu serves all chats.

import { find } from "./elements.js";
import { text } from "./texts.js";

/** @typedef {import("./api.js").Chat} Chat */
/** @typedef {"rename" | "archive" | "delete"} Action */

const GAP = 4;

export class ChatMenu {
  /** @param {(action: Action, chat: Chat) => void} onChoose */
  constructor(onChoose) {
    this.onChoose = onChoose;
    this.menu = find("chat-menu", HTMLDivElement);
    this.archiveLabel = find("archive-label", HTMLSpanElement);
    this.items = [...this.menu.querySelectorAll("button")];
    /** @type {Chat | null} */
    this.chat = null;
    /** @type {HTMLElement | null} */
    this.opener = null;
    this.menu.addEventListener("click", (event) => this.#choose(event));
    this.menu.addEventListener("keydown", (event) => this.#move(event));
    this.menu.addEventListener("toggle", (event) => {
      const open = /** @type {ToggleEvent} */ (event).newState === "open";
      this.opener?.setAttribute("aria-expanded", String(open));
    });
  }

  /**
   * @param {Chat} chat
   * @param {HTMLElement} opener
   */
  open(chat, opener) {
    this.chat = chat;
    this.opener = opener;
    this.archiveLabel.textContent = text(chat.is_archived ? "unarchive" : "archive");
    this.menu.setAttribute("aria-label", opener.getAttribute("aria-label") ?? "");
    this.menu.showPopover();
    this.#place(opener.getBoundingClientRect());
    this.items[0].focus();
  }

  /** @param {DOMRect} anchor */
  #place(anchor) {
    const { width, height } = this.menu.getBoundingClientRect();
    const below = anchor.bottom + GAP;
    const top = below + height > innerHeight ? anchor.top - GAP - height : below;
    const left = Math.min(anchor.left, innerWidth - width - GAP);
    this.menu.style.top = `${Math.max(GAP, top)}px`;
    this.menu.style.left = `${Math.max(GAP, left)}px`;
  }

  /** @param {Event} event */
  #choose(event) {
    const item = event.target instanceof Element ? event.target.closest("button") : null;
    if (!item || !this.chat) return;
    this.menu.hidePopover();
    this.opener?.focus();
    this.onChoose(/** @type {Action} */ (item.dataset.action), this.chat);
  }

  /** @param {KeyboardEvent} event */
  #move(event) {
    const last = this.items.length - 1;
    const now = this.items.indexOf(/** @type {HTMLButtonElement} */ (document.activeElement));
    /** @type {Record<string, number>} */
    const targets = { ArrowDown: now === last ? 0 : now + 1, ArrowUp: now <= 0 ? last : now - 1, Home: 0, End: last };
    if (event.key in targets) {
      event.preventDefault();
      this.items[targets[event.key]].focus();
    } else if (event.key === "Tab") {
      // A menu is left as one stop, back where it was opened.
      event.preventDefault();
      this.menu.hidePopover();
      this.opener?.focus();
    }
  }
}
