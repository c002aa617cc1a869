// The REST endpoints of the web chat, and the shapes they answer with.

import { text } from "./texts.js";

/**
 * @typedef {object} ActionButton
 * @property {string} text
 * @property {"callback" | "url"} type
 * @property {string} [callback_execution_id]
 * @property {string} [url]
 * @property {string} [style]
 * @property {boolean} [disabled]
 */

/**
 * @typedef {object} Message
 * @property {string} id
 * @property {string | null} text
 * @property {string | null} html
 * @property {boolean | null} is_outgoing false: from the visitor, true: to the visitor, null: from the system
 * @property {string | null} sender_name
 * @property {string} timestamp
 * @property {string} media_type
 * @property {string | null} media_url
 * @property {string | null} reply_to_message_id
 * @property {string} chat_id
 * @property {ActionButton[][] | null} interactive_buttons
 * @property {string | null} [progress_updates_for_user]
 * @property {string | null} [edited_at]
 * @property {string | null} [client_msg_id]
 */

/**
 * @typedef {object} Chat
 * @property {string} id
 * @property {string | null} name
 * @property {boolean} is_archived
 * @property {{text: string | null, timestamp: string} | null} last_message
 */

/**
 * @typedef {object} Page
 * @property {Message[]} messages oldest first
 * @property {boolean} has_more
 */

/** An answer that is not a success; its message is a sentence for the visitor. */
export class ApiError extends Error {
  /**
   * @param {string} sentence
   * @param {number} status 0 where no answer came at all
   */
  constructor(sentence, status) {
    super(sentence);
    this.name = "ApiError";
    this.status = status;
  }
}

const READ_SECONDS = 20;
const WRITE_SECONDS = 90; // an upload over a slow line

export class Api {
  /**
   * @param {string} base where the endpoints live, with or without a slash at the end
   * @param {string} channelId empty: the server's first active web chat
   * @param {string} csrfToken used where the cookie cannot be read (HttpOnly, renamed, or kept in the session)
   */
  constructor(base, channelId, csrfToken) {
    this.base = base.replace(/\/+$/, "");
    this.channelId = channelId;
    this.csrfToken = csrfToken;
  }

  /**
   * @param {boolean} archived
   * @param {number} limit
   * @returns {Promise<{chats: Chat[], has_more: boolean}>}
   */
  chats(archived, limit) {
    return this.#get("chats/", { is_archived: String(archived), limit: String(limit) });
  }

  /**
   * @param {string} chatId
   * @param {{before?: string, after?: string, limit: number}} where
   * @returns {Promise<Page>}
   */
  messages(chatId, { before, after, limit }) {
    /** @type {Record<string, string>} */
    // All branches: the page shows one flat conversation.
    const query = { chat_id: chatId, limit: String(limit), branch: "all" };
    if (before) query.before = before;
    if (after) query.after = after;
    return this.#get("messages/", query);
  }

  /**
   * Send a message; repeating a clientMsgId answers with the message it made the first time.
   *
   * @param {{text: string, file: File | null, chatId: string | null, clientMsgId: string}} outgoing
   * @returns {Promise<{chat_id: string, message: Message}>}
   */
  send(outgoing) {
    /** @type {Record<string, string>} */
    const fields = { text: outgoing.text, client_msg_id: outgoing.clientMsgId };
    if (outgoing.chatId) fields.chat_id = outgoing.chatId;
    if (this.channelId) fields.channel_id = this.channelId;
    if (!outgoing.file) return this.#write("POST", "send/", JSON.stringify(fields));
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append("media", outgoing.file, outgoing.file.name);
    return this.#write("POST", "send/", form);
  }

  /**
   * @param {string} chatId
   * @param {{title?: string, is_archived?: boolean}} changes
   * @returns {Promise<{chat: {id: string, name: string, is_archived: boolean}}>}
   */
  updateChat(chatId, changes) {
    return this.#write("PATCH", `chat/${encodeURIComponent(chatId)}/`, JSON.stringify(changes));
  }

  /** @param {string} chatId */
  deleteChat(chatId) {
    return this.#write("DELETE", `chat/${encodeURIComponent(chatId)}/delete/?hard_delete=true`, null);
  }

  /** @param {string} callbackExecutionId */
  click(callbackExecutionId) {
    /** @type {Record<string, string>} */
    const body = { callback_execution_id: callbackExecutionId };
    if (this.channelId) body.channel_id = this.channelId;
    return this.#write("POST", "button-click/", JSON.stringify(body));
  }

  /**
   * @param {string} path
   * @param {Record<string, string>} query
   */
  #get(path, query) {
    const parameters = new URLSearchParams(query);
    if (this.channelId) parameters.set("channel_id", this.channelId);
    return this.#request(`${path}?${parameters}`, { method: "GET" }, READ_SECONDS);
  }

  /**
   * @param {string} method
   * @param {string} path
   * @param {string | FormData | null} body
   */
  #write(method, path, body) {
    /** @type {Record<string, string>} */
    const headers = { "X-CSRFToken": cookie("csrftoken") || this.csrfToken };
    // The browser writes a form's type itself, boundary included.
    if (typeof body === "string") headers["Content-Type"] = "application/json";
    return this.#request(path, { method, body, headers }, WRITE_SECONDS);
  }

  /**
   * @param {string} path
   * @param {RequestInit} init
   * @param {number} seconds
   * @returns {Promise<any>}
   */
  async #request(path, init, seconds) {
    const controller = new AbortController();
    const timer = setTimeout(() => controller.abort(), seconds * 1000);
    let response;
    let body;
    try {
      response = await fetch(`${this.base}/${path}`, {
        ...init,
        headers: { Accept: "application/json", ...init.headers },
        credentials: "same-origin",
        signal: controller.signal,
      });
      body = await response.text();
    } catch {
      throw new ApiError(text("errorNetwork"), 0);
    } finally {
      clearTimeout(timer);
    }
    const answer = parse(body);
    if (response.ok && answer) return answer;
    throw new ApiError(sentence(answer, response.status), response.status);
  }
}

/** @param {string} body */
function parse(body) {
  try {
    const answer = JSON.parse(body);
    return answer !== null && typeof answer === "object" ? answer : null;
  } catch {
    // A proxy's or a debug page: never shown to the visitor.
    return null;
  }
}

/**
 * @param {any} answer
 * @param {number} status
 */
function sentence(answer, status) {
  if (typeof answer?.error === "string" && answer.error) return answer.error;
  if (status === 413) return text("errorSize");
  return text(status === 403 ? "errorForbidden" : "errorServer");
}

/** @param {string} name */
function cookie(name) {
  for (const part of document.cookie.split("; ")) {
    if (part.startsWith(`${name}=`)) return decodeURIComponent(part.slice(name.length + 1));
  }
  return "";
}
