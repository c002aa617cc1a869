// The REST endpoints of the web chat: with the session and Django's CSRF token, or by the token of another site's page.

import { ApiError, answerOf } from "./answer.js";
import { Pass, type PassOptions } from "./pass.js";
import type {
  Chat,
  ChatPage,
  Filters,
  MessagePage,
  MessageQuery,
  SearchResult,
  SendAnswer,
  SendOptions,
} from "./wire.js";

export { ApiError } from "./answer.js";

const READ_MS = 20_000;
const WRITE_MS = 120_000; // an upload over a slow line
const OPTIONS = ["metadata", "replyToMessageId", "clientMsgId", "onProgress", "signal"];

/** Settings of a WebChatAPI. */
export interface ApiOptions {
  /** The web chat to use; without it the server takes its first active one. */
  channelId?: string | number | null;
  /** Used where the cookie cannot be read: HttpOnly, renamed, or kept in the session. */
  csrfToken?: string | null;
  /** The name of Django's CSRF cookie; `csrftoken` by default. */
  csrfCookieName?: string;
  /** Go by a token and not by cookies; by itself where the endpoints are of another origin than the page. */
  embed?: boolean;
  /** Who the visitor is on this site, with the hash its server made of that; embedded only. */
  identifier?: string | null;
  identifierHash?: string | null;
  /** What the visitor is to be called; embedded only. */
  visitorName?: string | null;
}

/**
 * Talk to the web chat's REST endpoints.
 *
 * Every method resolves to the server's answer, or rejects with an ApiError.
 */
export class WebChatAPI {
  readonly base: string;
  readonly channelId: string;
  /** The visitor's token, where the page is another site's; else null. */
  readonly pass: Pass | null;
  csrfToken: string;
  private readonly cookieName: string;

  constructor(apiBase = "/unicom/webchat", options: ApiOptions = {}) {
    this.base = apiBase.replace(/\/+$/, "");
    this.channelId = String(options.channelId ?? "");
    this.csrfToken = options.csrfToken ?? "";
    this.cookieName = options.csrfCookieName ?? "csrftoken";
    const isElsewhere = new URL(this.home).origin !== location.origin;
    this.pass = options.embed || isElsewhere ? new Pass(passOptions(this.base, options)) : null;
  }

  /** The address of the endpoints, whole: what the server names by a path is on its site. */
  get home(): string {
    return new URL(this.base, location.href).href;
  }

  /** Whether the server does not know the visitor, and so has nothing of theirs. */
  get isNobody(): boolean {
    return this.pass !== null && !this.pass.isKnown;
  }

  /**
   * Send a message.
   *
   * Without `chatId` a chat is made. The last argument is the new chat's metadata, or SendOptions; it is read as
   * options when all its keys are options' names.
   */
  async sendMessage(
    text: string,
    chatId: string | null = null,
    file: File | null = null,
    metadataOrOptions: Record<string, unknown> | SendOptions | null = null,
  ): Promise<SendAnswer> {
    const options = sendOptions(metadataOrOptions);
    const fields: Record<string, string> = { text, client_msg_id: options.clientMsgId ?? uuid() };
    if (chatId) fields.chat_id = chatId;
    if (this.channelId) fields.channel_id = this.channelId;
    if (options.replyToMessageId) fields.reply_to_message_id = options.replyToMessageId;
    if (options.metadata && !chatId) fields.metadata = JSON.stringify(options.metadata);
    if (!file) return this.request("POST", "send/", fields, options.signal);
    const form = new FormData();
    for (const [name, value] of Object.entries(fields)) form.append(name, value);
    form.append("media", file, file.name);
    return this.upload("send/", form, options);
  }

  /** List the visitor's chats, newest activity first. */
  getChats(filters: Filters = {}, page: { limit?: number; offset?: number; cursor?: string } = {}): Promise<ChatPage> {
    if (this.isNobody) return Promise.resolve({ chats: [], has_more: false });
    return this.request("GET", `chats/${this.query({ ...filters, ...page })}`);
  }

  /** Give a page of a chat, oldest first; the newest one unless `before` or `after` says otherwise. */
  getMessages(chatId: string, query: MessageQuery = {}): Promise<MessagePage> {
    if (this.isNobody) return Promise.reject(new ApiError("", 404));
    return this.request("GET", `messages/${this.query({ chat_id: chatId, ...query })}`);
  }

  /** Rename a chat, archive it, or take it back. */
  updateChat(chatId: string, changes: { title?: string; is_archived?: boolean }): Promise<{ chat: Partial<Chat> }> {
    return this.request("PATCH", `chat/${encodeURIComponent(chatId)}/`, changes);
  }

  /** Take a chat from the visitor's list; with `hardDelete` delete what is stored. */
  deleteChat(chatId: string, hardDelete = false): Promise<{ success: boolean }> {
    const query = hardDelete ? "?hard_delete=true" : "";
    return this.request("DELETE", `chat/${encodeURIComponent(chatId)}/delete/${query}`);
  }

  /** Press a callback button. */
  clickButton(callbackExecutionId: string): Promise<{ success: boolean }> {
    return this.request("POST", "button-click/", { callback_execution_id: callbackExecutionId });
  }

  /** Search in the messages of the visitor's own chats, or of one of them. */
  search(
    q: string,
    query: { chat_id?: string; limit?: number; cursor?: string } = {},
  ): Promise<{ results: SearchResult[]; has_more: boolean; next_cursor?: string | null }> {
    if (this.isNobody) return Promise.resolve({ results: [], has_more: false });
    return this.request("GET", `search/${this.query({ q, ...query })}`);
  }

  /** Say that everything up to a message was read. */
  markRead(chatId: string, messageId: string): Promise<{ success: boolean }> {
    return this.request("POST", "read/", { chat_id: chatId, message_id: messageId });
  }

  /** Say that the visitor is writing, for the next seconds. */
  markTyping(chatId: string): Promise<{ success: boolean }> {
    return this.request("POST", "typing/", { chat_id: chatId });
  }

  /** Ask that the answer which is being written ends where it is. */
  stop(chatId: string): Promise<{ success: boolean }> {
    return this.request("POST", "stop/", { chat_id: chatId });
  }

  private query(values: Record<string, unknown>): string {
    const search = new URLSearchParams();
    for (const [key, value] of Object.entries(values)) {
      if (value === undefined || value === null) continue;
      search.set(key, typeof value === "object" ? JSON.stringify(value) : String(value));
    }
    if (this.channelId) search.set("channel_id", this.channelId);
    const text = search.toString();
    return text && `?${text}`;
  }

  private headers(token: string | null): Record<string, string> {
    const who: Record<string, string> = token ? { Authorization: `Bearer ${token}` } : { "X-CSRFToken": this.csrf() };
    return { Accept: "application/json", ...who };
  }

  private csrf(): string {
    const start = `${this.cookieName}=`;
    const cookie = document.cookie.split("; ").find((part) => part.startsWith(start));
    return cookie ? decodeURIComponent(cookie.slice(start.length)) : this.csrfToken;
  }

  /** Make a request as the visitor; once more with a new token, where the server took the old one for none. */
  private async asVisitor<T>(isChange: boolean, make: (token: string | null) => Promise<T>): Promise<T> {
    if (!this.pass) {
      // A page that never gave the cookie: any read of ours sets it.
      if (isChange && !this.csrf()) await this.request("GET", `chats/${this.query({ limit: 1 })}`).catch(() => {});
      return make(null);
    }
    const token = await this.pass.token();
    try {
      return await make(token);
    } catch (error) {
      if (!(error instanceof ApiError) || error.status !== 401) throw error;
      this.pass.forget(token);
      // A guest who is forgotten has nothing to read; who writes becomes another.
      if (!isChange && this.isNobody) throw error;
      return make(await this.pass.token());
    }
  }

  private request<T>(method: string, path: string, body?: object, signal?: AbortSignal): Promise<T> {
    return this.asVisitor(method !== "GET", (token) => this.fetch<T>(token, method, path, body, signal));
  }

  private async fetch<T>(
    token: string | null,
    method: string,
    path: string,
    body?: object,
    signal?: AbortSignal,
  ): Promise<T> {
    const limits = [AbortSignal.timeout(method === "GET" ? READ_MS : WRITE_MS)];
    if (signal) limits.push(signal);
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${this.base}/${path}`, {
        method,
        credentials: token ? "omit" : "same-origin",
        cache: "no-store",
        headers: { ...this.headers(token), ...(body ? { "Content-Type": "application/json" } : {}) },
        body: body ? JSON.stringify(body) : undefined,
        // A deletion that a closing page still owes has to outlive it.
        keepalive: method === "DELETE",
        signal: AbortSignal.any(limits),
      });
      text = await response.text();
    } catch {
      throw new ApiError("", 0);
    }
    return answerOf(response.status, text, response.headers.get("Retry-After"));
  }

  /** Fetch cannot tell how far an upload is; XMLHttpRequest can. */
  private upload<T>(path: string, form: FormData, options: SendOptions): Promise<T> {
    return this.asVisitor(true, (token) => this.post<T>(token, path, form, options));
  }

  private post<T>(token: string | null, path: string, form: FormData, options: SendOptions): Promise<T> {
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("POST", `${this.base}/${path}`);
      for (const [name, value] of Object.entries(this.headers(token))) request.setRequestHeader(name, value);
      request.upload.onprogress = (event) => {
        if (event.lengthComputable) options.onProgress?.(event.loaded / event.total);
      };
      request.onload = () => {
        try {
          resolve(answerOf(request.status, request.responseText, request.getResponseHeader("Retry-After")));
        } catch (error) {
          reject(error);
        }
      };
      request.onerror = request.onabort = request.ontimeout = () => reject(new ApiError("", 0));
      options.signal?.addEventListener("abort", () => request.abort(), { once: true });
      request.send(form);
    });
  }
}

function passOptions(base: string, options: ApiOptions): PassOptions {
  const { identifier, identifierHash } = options;
  return {
    base,
    channelId: String(options.channelId ?? ""),
    identity: identifier && identifierHash ? { identifier, identifierHash } : null,
    name: options.visitorName ?? "",
  };
}

/** Read the last argument of a send: the documented metadata, or options. */
export function sendOptions(given: Record<string, unknown> | SendOptions | null | undefined): SendOptions {
  if (!given) return {};
  const keys = Object.keys(given);
  const areOptions = keys.length > 0 && keys.every((key) => OPTIONS.includes(key));
  return areOptions ? (given as SendOptions) : { metadata: given as Record<string, unknown> };
}

/** Make a random id, also where the page came over plain HTTP and has no crypto.randomUUID. */
export function uuid(): string {
  if (crypto.randomUUID) return crypto.randomUUID();
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return hex.replace(/(.{8})(.{4}).(.{3}).(.{3})(.{12}).*/, "$1-$2-4$3-a$4-$5");
}
