// The REST endpoints of the web chat, with Django's CSRF token where something changes.

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

const READ_MS = 20_000;
const WRITE_MS = 120_000; // an upload over a slow line
const OPTIONS = ["metadata", "replyToMessageId", "clientMsgId", "onProgress", "signal"];

/** An answer that is no success; its message is the server's sentence, empty where no answer came. */
export class ApiError extends Error {
  /** The HTTP status; 0 where no answer came at all. */
  readonly status: number;
  /** For how many seconds the server asks to be left alone. */
  readonly retryAfter: number;

  constructor(sentence: string, status: number, retryAfter = 0) {
    super(sentence);
    this.name = "ApiError";
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may succeed later. */
  get isTemporary(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Settings of a WebChatAPI. */
export interface ApiOptions {
  /** The web chat to use; without it the server takes its first active one. */
  channelId?: string | number | null;
  /** Used where the cookie cannot be read: HttpOnly, renamed, or kept in the session. */
  csrfToken?: string | null;
  /** The name of Django's CSRF cookie; `csrftoken` by default. */
  csrfCookieName?: string;
}

/**
 * Talk to the web chat's REST endpoints.
 *
 * Every method resolves to the server's answer, or rejects with an ApiError.
 */
export class WebChatAPI {
  readonly base: string;
  readonly channelId: string;
  csrfToken: string;
  private readonly cookieName: string;

  constructor(apiBase = "/unicom/webchat", options: ApiOptions = {}) {
    this.base = apiBase.replace(/\/+$/, "");
    this.channelId = String(options.channelId ?? "");
    this.csrfToken = options.csrfToken ?? "";
    this.cookieName = options.csrfCookieName ?? "csrftoken";
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
    return this.request("GET", `chats/${this.query({ ...filters, ...page })}`);
  }

  /** Give a page of a chat, oldest first; the newest one unless `before` or `after` says otherwise. */
  getMessages(chatId: string, query: MessageQuery = {}): Promise<MessagePage> {
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

  private headers(): Record<string, string> {
    return { Accept: "application/json", "X-CSRFToken": this.token() };
  }

  private token(): string {
    const start = `${this.cookieName}=`;
    const cookie = document.cookie.split("; ").find((part) => part.startsWith(start));
    return cookie ? decodeURIComponent(cookie.slice(start.length)) : this.csrfToken;
  }

  private async request<T>(method: string, path: string, body?: object, signal?: AbortSignal): Promise<T> {
    // A page that never gave the cookie: any read of ours sets it.
    if (method !== "GET" && !this.token())
      await this.request("GET", `chats/${this.query({ limit: 1 })}`).catch(() => {});
    const limits = [AbortSignal.timeout(method === "GET" ? READ_MS : WRITE_MS)];
    if (signal) limits.push(signal);
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${this.base}/${path}`, {
        method,
        credentials: "same-origin",
        cache: "no-store",
        headers: { ...this.headers(), ...(body ? { "Content-Type": "application/json" } : {}) },
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
  private async upload<T>(path: string, form: FormData, options: SendOptions): Promise<T> {
    if (!this.token()) await this.request("GET", `chats/${this.query({ limit: 1 })}`).catch(() => {});
    return new Promise((resolve, reject) => {
      const request = new XMLHttpRequest();
      request.open("POST", `${this.base}/${path}`);
      for (const [name, value] of Object.entries(this.headers())) request.setRequestHeader(name, value);
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

function answerOf<T>(status: number, text: string, retryAfter: string | null): T {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    // A proxy's page, or nothing.
  }
  if (status >= 200 && status < 300 && data && typeof data === "object") return data as T;
  const sentence = (data as { error?: unknown } | undefined)?.error;
  throw new ApiError(typeof sentence === "string" ? sentence : "", status, Number(retryAfter) || 0);
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
