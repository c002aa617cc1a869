// The chats in the sidebar, newest activity first.

import { ago } from "./clock.js";
import { element, find, icon, reconcile } from "./elements.js";
import { text } from "./texts.js";

/** @typedef {import("./api.js").Chat} Chat */

export const PAGE = 30;
const MOST = 200;

export class ChatList {
  /**
   * @param {object} events
   * @param {(chat: Chat) => void} events.onOpen
   * @param {(chat: Chat, opener: HTMLElement) => void} events.onMenu
   * @param {() => void} events.onRange another range of chats is to be shown
   */
  constructor(events) {
    this.events = events;
    this.list = find("chat-list", HTMLUListElement);
    this.empty = find("chat-list-empty", HTMLParagraphElement);
    this.heading = find("chats-heading", HTMLHeadingElement);
    this.more = find("more-chats", HTMLButtonElement);
    this.toggle = find("archived-toggle", HTMLButtonElement);
    /** @type {Chat[]} */
    this.chats = [];
    this.archived = false;
    this.limit = PAGE;
    /** @type {string | null} */
    this.selected = null;
    this.more.addEventListener("click", () => {
      this.limit = Math.min(MOST, this.limit + PAGE);
      events.onRange();
    });
    this.toggle.addEventListener("click", () => {
      this.archived = !this.archived;
      this.limit = PAGE;
      this.chats = [];
      this.toggle.setAttribute("aria-pressed", String(this.archived));
      this.heading.textContent = text(this.archived ? "archived" : "recent");
      this.empty.hidden = true;
      events.onRange();
    });
  }

  /**
   * @param {Chat[]} chats
   * @param {boolean} hasMore
   */
  show(chats, hasMore) {
    this.chats = chats;
    this.more.hidden = !hasMore || this.limit >= MOST;
    this.empty.hidden = chats.length > 0;
    this.empty.textContent = text(this.archived ? "noArchived" : "noChats");
    this.render();
  }

  /** @param {string | null} chatId */
  select(chatId) {
    this.selected = chatId;
    this.render();
  }

  render() {
    reconcile(
      this.list,
      this.chats.map((chat) => {
        const when = chat.last_message ? ago(chat.last_message.timestamp) : "";
        const selected = chat.id === this.selected;
        return {
          key: chat.id,
          signature: JSON.stringify([chat, when, selected]),
          build: () => this.#build(chat, when, selected),
        };
      }),
    );
  }

  /**
   * @param {Chat} chat
   * @param {string} when
   * @param {boolean} selected
   */
  #build(chat, when, selected) {
    const title = titleOf(chat);
    const last = chat.last_message;
    const open = element(
      "button",
      { class: "chat-open", type: "button", "aria-current": selected && "true" },
      element("span", { class: "chat-name" }, element("bdi", {}, title)),
      last && element("time", { class: "chat-when", datetime: last.timestamp }, when),
      last && element("span", { class: "chat-last" }, element("bdi", {}, last.text || text("attachment"))),
    );
    const options = element(
      "button",
      {
        class: "icon-button small chat-options",
        type: "button",
        "aria-haspopup": "menu",
        "aria-expanded": "false",
        "aria-label": text("options", { title }),
      },
      icon("more"),
    );
    open.addEventListener("click", () => this.events.onOpen(chat));
    options.addEventListener("click", () => this.events.onMenu(chat, options));
    return element("li", { class: selected ? "chat-item selected" : "chat-item" }, open, options);
  }
}

/** @param {Chat | undefined} chat */
export function titleOf(chat) {
  return chat?.name || text("newChat");
}
