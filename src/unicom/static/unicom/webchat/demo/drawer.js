// On narrow screens the sidebar is a drawer: it takes the focus while open and gives it back.

import { find } from "./elements.js";

export class Drawer {
  constructor() {
    this.sidebar = find("sidebar", HTMLElement);
    this.main = find("main", HTMLElement);
    this.backdrop = find("backdrop", HTMLDivElement);
    this.opener = find("open-sidebar", HTMLButtonElement);
    this.closer = find("close-sidebar", HTMLButtonElement);
    this.opener.addEventListener("click", () => this.#open());
    this.closer.addEventListener("click", () => this.close());
    this.backdrop.addEventListener("click", () => this.close());
    this.sidebar.addEventListener("keydown", (event) => {
      // The menu of a chat is in here too, and closes by itself.
      const inMenu = event.target instanceof Element && event.target.closest("[popover]");
      if (event.key === "Escape" && !inMenu) this.close();
    });
    // A window made wide has no drawer any more.
    matchMedia("(max-width: 760px)").addEventListener("change", () => this.close());
  }

  #open() {
    this.#set(true);
    this.closer.focus();
  }

  close() {
    if (!this.sidebar.classList.contains("open")) return;
    this.#set(false);
    this.opener.focus();
  }

  /** @param {boolean} open */
  #set(open) {
    this.sidebar.classList.toggle("open", open);
    this.backdrop.hidden = !open;
    this.main.inert = open;
    this.opener.setAttribute("aria-expanded", String(open));
  }
}
