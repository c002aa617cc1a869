// What a chat on a page knows and does: the chats, the one that is open, and how it is connected. It draws nothing.

import { ApiError } from "./api.js";
import { type ClientOptions, RealTimeWebChatClient } from "./client.js";
import { Conversation, type Pending } from "./conversation.js";
import type { Say } from "./language.js";
import { Listing, UNDO_MS } from "./listing.js";
import { Outbox } from "./outbox.js";
import type { ActionButton, Filters } from "./wire.js";

const TYPING_SHOWN_MS = 6_000;
const MOST_PAGES = 50;

/** How it is connected, for the badge. */
export type Connection = "connecting" | "live" | "polling" | "manual" | "offline";

/** A sentence at the bottom of the chat, perhaps with something to do. */
export interface Notice {
  text: string;
  kind: "info" | "error";
  action?: { label: string; run: () => void };
  /** It goes by itself. */
  timer?: ReturnType<typeof setTimeout>;
}

/** Settings of a session. */
export interface SessionOptions extends ClientOptions {
  filters?: Filters;
  metadataDefaults?: Record<string, unknown>;
  /** Whether the chats are listed. */
  hasList: boolean;
}

/** Fires `change` whenever something on screen may have to change. */
export class Session extends EventTarget {
  readonly client: RealTimeWebChatClient;
  readonly outbox: Outbox;
  readonly list: Listing;
  current: Conversation;
  connection: Connection = "connecting";
  notice: Notice | null = null;
  /** Who is writing in the chat that is open. */
  typing: string | null = null;
  private readonly conversations = new Map<string, Conversation>();
  private typingTimer: ReturnType<typeof setTimeout> | undefined;
  private readMark: string | null = null;

  constructor(
    apiBase: string,
    private readonly options: SessionOptions,
    public say: Say,
  ) {
    super();
    this.current = new Conversation(null);
    this.client = new RealTimeWebChatClient(apiBase, options);
    this.outbox = new Outbox(this.client, {
      onChange: () => this.changed(),
      onSent: (conversation, isNew) => this.sent(conversation, isNew),
      metadata: () => this.options.metadataDefaults ?? {},
      explain: (error) => this.sentenceOf(error),
    });
    const client = this.client;
    client.onPage = (page, kind) => {
      const conversation = this.conversations.get(page.chat_id);
      conversation?.takePage(page, kind);
      this.changed();
    };
    client.onMessage = (message, chatId) => {
      this.conversations.get(chatId)?.put(message);
      if (message.is_outgoing) this.typing = null;
      this.changed();
    };
    client.onMessageUpdated = (message, chatId) => {
      this.conversations.get(chatId)?.change(message);
      if (message.is_outgoing) this.typing = null;
      this.changed();
    };
    client.onMessageDeleted = (messageId, chatId) => {
      this.conversations.get(chatId)?.remove(messageId);
      this.changed();
    };
    client.onTyping = (frame) => {
      // What the visitor writes on another page of theirs is no news.
      if (frame.is_outgoing !== false) this.showTyping(String(frame.name || this.say("someone")));
    };
    client.onRead = (frame) => {
      if (typeof frame.message_id !== "string" || frame.is_outgoing === false) return;
      this.current.readUpTo = frame.message_id;
      this.changed();
    };
    client.onConnectionChange = () => this.showConnection();
    client.onError = () => this.showConnection();
    this.list = new Listing(client, options.filters ?? {}, {
      say: (key, values) => this.say(key, values),
      changed: () => this.changed(),
      tell: (text, action) => this.tell(text, action),
      tellError: (error) => this.tellError(error),
      onDeleted: (chatId) => {
        if (this.current.id === chatId) void this.open(null);
      },
    });
    // A conversation alone asks for no list.
    if (!options.hasList) client.onChatPage = null;
  }

  /** Connect, and open a chat: the one that is named, else the one this tab had open. "new" begins an empty one. */
  async start(named: string): Promise<void> {
    addEventListener("online", this.onOnline);
    addEventListener("offline", this.onOffline);
    addEventListener("pagehide", this.list.flush);
    document.addEventListener("visibilitychange", this.onVisible);
    const connected = this.client.connect();
    if (this.options.hasList) void this.list.load();
    void this.openFirst(named);
    await connected;
    this.showConnection();
  }

  stop(): void {
    removeEventListener("online", this.onOnline);
    removeEventListener("offline", this.onOffline);
    removeEventListener("pagehide", this.list.flush);
    document.removeEventListener("visibilitychange", this.onVisible);
    this.list.flush();
    this.client.disconnect();
  }

  private async openFirst(named: string): Promise<void> {
    if (named && named !== "new") return this.open(named);
    let chatId = named ? null : this.remembered();
    if (!chatId && !named && !this.options.hasList) {
      // Without a list an earlier chat could not be found again.
      chatId = (await this.client.getChats({ limit: 1 }).catch(() => []))[0]?.id ?? null;
    }
    if (!chatId) return this.outbox.restore(this.current);
    await this.open(chatId);
  }

  /** Open a chat, or an empty one. */
  async open(chatId: string | null): Promise<void> {
    if (this.current.id === chatId && (chatId !== null || this.current.pending.length === 0)) return;
    let conversation = chatId ? this.conversations.get(chatId) : undefined;
    const isUnknown = chatId !== null && !conversation;
    if (!conversation) {
      conversation = new Conversation(chatId);
      if (chatId) this.conversations.set(chatId, conversation);
    }
    this.current = conversation;
    this.remember(chatId);
    this.typing = null;
    this.readMark = null;
    this.changed();
    await this.load(conversation);
    if (isUnknown) await this.outbox.restore(conversation);
  }

  /** Load what the open chat holds; once more after it failed. */
  async load(conversation = this.current): Promise<void> {
    conversation.failed = false;
    try {
      await this.client.subscribeToChat(conversation.id);
    } catch (error) {
      conversation.failed = !conversation.loaded;
      if (error instanceof ApiError && error.status === 404 && this.current === conversation) {
        this.conversations.delete(conversation.id ?? "");
        this.current = new Conversation(null);
        this.remember(null);
        void this.client.subscribeToChat(null);
        this.tell(this.say("errorGone"));
      } else if (conversation.failed) await this.client.subscribeToChat(null);
    }
    this.changed();
  }

  async loadOlder(): Promise<void> {
    const conversation = this.current;
    const first = conversation.messages[0];
    if (!conversation.id || !first || conversation.loadingOlder || !conversation.hasOlder) return;
    conversation.loadingOlder = true;
    this.changed();
    try {
      conversation.takePage(await this.client.getMessages(conversation.id, { before: first.id }), "before");
    } catch (error) {
      this.tellError(error);
    }
    conversation.loadingOlder = false;
    this.changed();
  }

  /** Send text and files; each file is a message of its own, the text goes with the first. */
  send(text: string, files: File[] = []): void {
    const conversation = this.current;
    const replyTo = conversation.continuation();
    conversation.leaf = null;
    const [first = null, ...others] = files;
    conversation.enqueue(text, first, replyTo);
    for (const file of others) conversation.enqueue("", file, null);
    conversation.draft = "";
    this.changed();
    void this.outbox.flush(conversation);
  }

  /** Send another version of an earlier message: a branch begins where that one stood. */
  async edit(messageId: string, text: string): Promise<void> {
    const conversation = this.current;
    const placeOf = () => conversation.turns().findIndex(({ message }) => message.id === messageId);
    // What it answered may be on the page before.
    if (placeOf() === 0 && conversation.hasOlder) await this.loadOlder();
    const place = placeOf();
    if (place < 0 || conversation !== this.current) return;
    const before = conversation.turns()[place - 1]?.message.id ?? null;
    if (!before) {
      // Nothing stands before a chat's first message that another version could answer.
      await this.open(null);
      this.send(text);
      return;
    }
    this.current.leaf = null;
    this.current.enqueue(text, null, before);
    this.changed();
    void this.outbox.flush(this.current);
  }

  /** Ask for another answer: the visitor's message before it is sent again, as a version of its own. */
  async answerAgain(messageId: string): Promise<void> {
    const turns = this.current.turns();
    const place = turns.findIndex(({ message }) => message.id === messageId);
    const asked = turns.slice(0, place).findLast(({ message }) => message.is_outgoing === false);
    if (asked?.message.text) await this.edit(asked.message.id, asked.message.text);
  }

  chooseVersion(messageId: string): void {
    this.current.choose(messageId);
    this.changed();
  }

  /** Ask the server to stop writing the answer. */
  async stopAnswer(): Promise<void> {
    try {
      if (this.current.id) await this.client.api.stop(this.current.id);
    } catch (error) {
      this.tellError(error);
    }
  }

  retry(item: Pending): void {
    void this.outbox.retry(this.current, item);
  }

  discard(item: Pending): void {
    this.outbox.discard(this.current, item);
  }

  async click(button: ActionButton): Promise<void> {
    try {
      await this.client.api.clickButton(button.callback_execution_id ?? "");
      this.client.refreshSoon();
    } catch (error) {
      this.tellError(error);
    }
  }

  /** The visitor looks at the newest message. */
  markRead(): void {
    const last = this.current.messages.findLast(({ is_outgoing }) => is_outgoing === true);
    if (!last || last.id === this.readMark || document.hidden) return;
    this.readMark = last.id;
    this.client.read(last.id, last.chat_id);
  }

  /** Load older pages until a message is there; false where it is not to be had. */
  async reach(messageId: string): Promise<boolean> {
    const conversation = this.current;
    for (let pages = 0; pages < MOST_PAGES; pages++) {
      if (conversation.messages.some(({ id }) => id === messageId)) return true;
      if (!conversation.hasOlder || this.current !== conversation) return false;
      await this.loadOlder();
    }
    return false;
  }

  // Notices

  tell(text: string, action?: Notice["action"], kind: Notice["kind"] = "info"): void {
    clearTimeout(this.notice?.timer);
    const notice: Notice = { text, kind, action };
    notice.timer = setTimeout(() => this.dismiss(notice), UNDO_MS);
    this.notice = notice;
    this.changed();
  }

  tellError(error: unknown): void {
    if (!(error instanceof ApiError)) throw error;
    this.tell(this.sentenceOf(error), undefined, "error");
  }

  dismiss(notice = this.notice): void {
    if (notice !== this.notice) return;
    clearTimeout(notice?.timer);
    this.notice = null;
    this.changed();
  }

  /** Say what went wrong: the server's sentence, or ours for what it could not say. */
  sentenceOf(error: ApiError): string {
    if (error.status === 0) return this.say("errorNetwork");
    if (error.status === 413) return this.say("errorSize");
    if (error.message) return error.message;
    return this.say(error.status === 403 ? "errorForbidden" : error.status === 404 ? "errorGone" : "errorServer");
  }

  changed(): void {
    this.dispatchEvent(new Event("change"));
  }

  // A reload, or the next page of the site, goes on where this tab was.

  private get place(): string {
    return `unicom-webchat-open ${this.client.api.base} ${this.client.api.channelId}`;
  }

  private remembered(): string | null {
    try {
      return sessionStorage.getItem(this.place);
    } catch {
      return null;
    }
  }

  private remember(chatId: string | null): void {
    try {
      if (chatId) sessionStorage.setItem(this.place, chatId);
      else sessionStorage.removeItem(this.place);
    } catch {
      // Storage is forbidden: the next page begins with an empty chat.
    }
  }

  private sent(conversation: Conversation, isNew: boolean): void {
    if (isNew && conversation.id) {
      this.conversations.set(conversation.id, conversation);
      if (this.current === conversation) {
        this.remember(conversation.id);
        void this.load(conversation);
        this.dispatchEvent(new CustomEvent("chat-made", { detail: conversation.id }));
      }
    } else this.client.refreshSoon();
  }

  private showTyping(name: string): void {
    clearTimeout(this.typingTimer);
    this.typing = name;
    this.typingTimer = setTimeout(() => {
      this.typing = null;
      this.changed();
    }, TYPING_SHOWN_MS);
    this.changed();
  }

  private showConnection(): void {
    const { client } = this;
    const before = this.connection;
    if (!navigator.onLine) this.connection = "offline";
    else if (client.isConnected()) this.connection = client.connectionType === "websocket" ? "live" : "polling";
    else if (client.isManual) this.connection = "manual";
    else this.connection = before === "connecting" && !client.hasFailed ? "connecting" : "offline";
    if (before === "offline" && this.connection !== "offline") this.flush();
    if (before !== this.connection) this.changed();
  }

  /** What came while nobody looked is read once somebody does. */
  private readonly onVisible = (): void => {
    if (!document.hidden) this.changed();
  };

  private readonly onOnline = (): void => {
    this.showConnection();
    this.flush();
  };

  private flush(): void {
    for (const conversation of new Set([this.current, ...this.conversations.values()])) {
      if (conversation.pending.length) void this.outbox.flush(conversation);
    }
  }

  private readonly onOffline = (): void => this.showConnection();
}
