// The messages of the open chat on screen: days, groups, and where the reader is.

import { messageElement, pendingElement, senderOf, sideOf } from "./bubble.js";
import { dayKey, dayLabel } from "./clock.js";
import { element, find, reconcile } from "./elements.js";

/** @typedef {import("./api.js").Message} Message */
/** @typedef {import("./api.js").ActionButton} ActionButton */
/** @typedef {import("./conversation.js").Conversation} Conversation */
/** @typedef {import("./conversation.js").Pending} Pending */
/** @typedef {import("./elements.js").Row} Row */

const GROUP_MINUTES = 5;
const NEAR = 80; // pixels from an edge that still count as being there

export class Thread {
  /**
   * @param {object} events
   * @param {() => void} events.onOlder
   * @param {(text: string) => void} events.onSuggestion
   * @param {(item: Pending) => void} events.onRetry
   * @param {(item: Pending) => void} events.onDiscard
   * @param {(button: ActionButton, pressed: HTMLButtonElement) => void} events.onAction
   */
  constructor(events) {
    this.events = events;
    this.scroller = find("scroller", HTMLDivElement);
    this.log = find("log", HTMLDivElement);
    this.welcome = find("welcome", HTMLDivElement);
    this.older = find("load-older", HTMLButtonElement);
    this.jump = find("jump", HTMLButtonElement);
    /** @type {Conversation | null} */
    this.conversation = null;
    /**
     * The keys of the rows shown so far: what is new to the eye moves in, the rest just is there.
     *
     * @type {Set<string>}
     */
    this.seen = new Set();
    /** True until the first messages are on screen. */
    this.fresh = true;
    this.loadingOlder = false;
    /** While older messages are put on top. */
    this.prepending = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.hushed = undefined;

    this.older.addEventListener("click", () => events.onOlder());
    this.jump.addEventListener("click", () => this.toEnd("smooth"));
    this.scroller.addEventListener("scroll", () => this.#scrolled(), { passive: true });
    for (const chip of this.welcome.querySelectorAll("button")) {
      chip.addEventListener("click", () => events.onSuggestion(chip.textContent ?? ""));
    }
    // Pictures that arrive late, and a growing composer, must not push the newest message out of sight.
    this.atEnd = true;
    const keepEnd = new ResizeObserver(() => {
      if (this.atEnd) this.toEnd();
    });
    keepEnd.observe(this.scroller);
    keepEnd.observe(this.log);
  }

  /** @param {Conversation} conversation */
  show(conversation) {
    this.conversation = conversation;
    this.seen.clear();
    this.fresh = true;
    this.log.replaceChildren();
    this.jump.hidden = true;
    this.atEnd = true;
    this.render();
  }

  /** Show what the conversation holds now. */
  render() {
    const conversation = this.conversation;
    if (!conversation) return;
    if (this.fresh || this.prepending) this.#hush();
    const before = this.scroller.scrollHeight;
    const rows = this.#rows(conversation);
    const arrived = rows.some((row) => !this.seen.has(row.key));
    reconcile(this.log, rows);
    this.#group();
    this.welcome.hidden = !conversation.loaded || rows.length > 0;
    this.older.hidden = !conversation.hasOlder;
    if (this.prepending) {
      this.scroller.scrollTop += this.scroller.scrollHeight - before;
    } else if (this.atEnd) {
      this.toEnd();
    } else if (arrived && !this.fresh) {
      this.jump.hidden = false;
    }
    for (const row of rows) this.seen.add(row.key);
    if (conversation.loaded) this.fresh = false;
  }

  /** Opening a chat or loading older messages is no news: only what comes later is read out. */
  #hush() {
    this.log.setAttribute("aria-busy", "true");
    clearTimeout(this.hushed);
    // Screen readers learn of the new rows a little after they are made.
    this.hushed = setTimeout(() => this.log.setAttribute("aria-busy", "false"), 400);
  }

  /**
   * Load older messages with the given function, keeping what is being read in its place.
   *
   * @param {() => Promise<void>} load
   */
  async extendUpwards(load) {
    if (this.loadingOlder) return;
    this.loadingOlder = true;
    this.older.disabled = true;
    try {
      await load();
      this.prepending = true;
      this.render();
    } finally {
      this.prepending = false;
      this.loadingOlder = false;
      this.older.disabled = false;
    }
  }

  /** @param {ScrollBehavior} [behavior] */
  toEnd(behavior = "instant") {
    this.atEnd = true;
    this.jump.hidden = true;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    this.scroller.scrollTo({ top: this.scroller.scrollHeight, behavior: calm ? "instant" : behavior });
  }

  #scrolled() {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    this.atEnd = scrollHeight - clientHeight - scrollTop < NEAR;
    if (this.atEnd) this.jump.hidden = true;
    const scrollable = scrollHeight > clientHeight + NEAR;
    if (scrollTop < NEAR && scrollable && this.conversation?.hasOlder) this.events.onOlder();
  }

  /**
   * @param {Conversation} conversation
   * @returns {Row[]}
   */
  #rows(conversation) {
    const byId = new Map(conversation.messages.map((message) => [message.id, message]));
    /** @type {Row[]} */
    const rows = [];
    let day = "";
    /** @param {string} timestamp */
    const separate = (timestamp) => {
      const key = dayKey(timestamp);
      if (key === day) return;
      day = key;
      const label = dayLabel(timestamp);
      rows.push({
        key: `day ${key}`,
        signature: label,
        build: () => element("div", { class: "day", role: "separator", "aria-label": label }, label),
      });
    };
    let previous = "";
    for (const message of conversation.messages) {
      if (sideOf(message) === null) continue;
      separate(message.timestamp);
      // An answer to what stands right above it needs no quotation.
      const repliedTo = message.reply_to_message_id !== previous && byId.get(message.reply_to_message_id ?? "");
      previous = message.id;
      rows.push(this.#messageRow(conversation, message, repliedTo || undefined));
    }
    for (const item of conversation.pending) {
      separate(item.timestamp);
      rows.push({
        key: item.clientMsgId,
        signature: item.state === "failed" ? "failed" : "sending",
        build: (old) =>
          this.#dress(
            pendingElement(item, {
              onRetry: () => this.events.onRetry(item),
              onDiscard: () => this.events.onDiscard(item),
            }),
            { sender: "mine", timestamp: item.timestamp, key: item.clientMsgId, old },
          ),
      });
    }
    return rows;
  }

  /**
   * @param {Conversation} conversation
   * @param {Message} message
   * @param {Message | undefined} repliedTo
   * @returns {Row}
   */
  #messageRow(conversation, message, repliedTo) {
    const key = conversation.keys.get(message.id) ?? message.id;
    const side = sideOf(message);
    return {
      key,
      signature: JSON.stringify([message, repliedTo?.text]),
      build: (old) =>
        this.#dress(messageElement(message, repliedTo, this.events.onAction), {
          sender: side === "theirs" ? `theirs ${senderOf(message)}` : String(side),
          timestamp: message.timestamp,
          key,
          old: side === "mine" ? undefined : old,
        }),
    };
  }

  /**
   * Note what grouping needs to know, and let the eye see what is new or changed.
   *
   * @param {HTMLElement} made
   * @param {{sender: string, timestamp: string, key: string, old: HTMLElement | undefined}} facts
   */
  #dress(made, { sender, timestamp, key, old }) {
    made.dataset.sender = sender;
    made.dataset.timestamp = timestamp;
    if (!this.fresh && !this.prepending && !this.seen.has(key)) made.classList.add("entering");
    if (old?.dataset.messageId) made.classList.add("changed");
    return made;
  }

  /** Mark where one sender's run of messages starts and ends; as classes, for a rebuilt row would stop its sound. */
  #group() {
    const rows = /** @type {HTMLElement[]} */ ([...this.log.children]);
    rows.forEach((row, index) => {
      row.classList.toggle("starts-group", !together(rows[index - 1], row));
      row.classList.toggle("ends-group", !together(row, rows[index + 1]));
    });
  }
}

/**
 * @param {HTMLElement | undefined} first
 * @param {HTMLElement | undefined} second
 */
function together(first, second) {
  if (!first?.dataset.timestamp || !second?.dataset.timestamp) return false;
  const apart = Date.parse(second.dataset.timestamp) - Date.parse(first.dataset.timestamp);
  return first.dataset.sender === second.dataset.sender && apart < GROUP_MINUTES * 60_000;
}
