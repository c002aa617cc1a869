// What is known of one chat: its messages in the server's order, and those of the visitor not yet taken by the server.

/** @typedef {import("./api.js").Message} Message */
/** @typedef {import("./api.js").Page} Page */

/**
 * @typedef {object} Pending
 * @property {string} clientMsgId the same for every attempt, so that a repeated one makes no second message
 * @property {string} text
 * @property {File | null} file
 * @property {string} timestamp
 * @property {"waiting" | "sending" | "failed"} state
 */

export class Conversation {
  /** @param {string | null} id null until the first message made the chat */
  constructor(id) {
    this.id = id;
    /** @type {Message[]} */
    this.messages = [];
    /** @type {Pending[]} */
    this.pending = [];
    this.loaded = id === null;
    this.hasOlder = false;
    /** A send is on its way. */
    this.sending = false;
    /** Counts the sends, so that an answer asked for before one can be told from one asked for after it. */
    this.revision = 0;
    /**
     * Up to here nothing is missing. Only pages move it: between two polls a bot may have written before the
     * visitor's own message, which the answer to a send puts in the list at once.
     *
     * @type {string | null}
     */
    this.cursor = null;
    /**
     * The key a message had on screen while it was pending.
     *
     * @type {Map<string, string>}
     */
    this.keys = new Map();
  }

  /**
   * @param {string} text
   * @param {File | null} file
   */
  enqueue(text, file) {
    this.pending.push({ clientMsgId: uuid(), text, file, timestamp: new Date().toISOString(), state: "waiting" });
  }

  /** @param {Pending} item */
  discard(item) {
    this.pending = this.pending.filter((other) => other !== item);
  }

  /**
   * @param {Pending} item
   * @param {Message} message what the server made of it
   */
  settle(item, message) {
    this.keys.set(message.id, item.clientMsgId);
    this.discard(item);
    if (!this.messages.some((known) => known.id === message.id)) this.messages.push(message);
  }

  /**
   * The page that follows the cursor.
   *
   * @param {Page} page
   */
  extend({ messages }) {
    if (messages.length === 0) return;
    const arrived = new Set(messages.map((message) => message.id));
    const known = this.messages.findIndex((message) => message.id === this.cursor) + 1;
    const ahead = this.messages.slice(known).filter((message) => !arrived.has(message.id));
    this.messages = [...this.messages.slice(0, known), ...messages, ...ahead];
    this.#arrived(messages);
  }

  /**
   * The newest page: takes over edits, and drops what was deleted from its stretch.
   *
   * @param {Page} page
   */
  replaceTail({ messages, has_more }) {
    this.loaded = true;
    const start = messages.length ? this.messages.findIndex((message) => message.id === messages[0].id) : 0;
    if (start > 0) {
      this.messages = [...this.messages.slice(0, start), ...messages];
    } else {
      // The page covers all that was loaded; or more than a page arrived meanwhile, and a gap must not be shown.
      this.messages = messages;
      this.hasOlder = has_more;
    }
    this.cursor = null;
    this.#arrived(messages);
  }

  /**
   * The page before the oldest known message.
   *
   * @param {Page} page
   */
  prepend({ messages, has_more }) {
    const known = new Set(this.messages.map((message) => message.id));
    this.messages = [...messages.filter((message) => !known.has(message.id)), ...this.messages];
    this.hasOlder = has_more;
  }

  /** @param {Message[]} messages */
  #arrived(messages) {
    this.cursor = messages.at(-1)?.id ?? this.cursor;
    // A send whose answer was lost, although the message was taken.
    const taken = new Set(messages.map((message) => message.client_msg_id).filter(Boolean));
    if (taken.size) this.pending = this.pending.filter((item) => !taken.has(item.clientMsgId));
  }
}

/** A random id that also works where the page came over plain HTTP, without crypto.randomUUID. */
function uuid() {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = (bytes[6] & 0x0f) | 0x40;
  bytes[8] = (bytes[8] & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
