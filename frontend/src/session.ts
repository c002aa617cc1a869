// What a chat on a page knows and does: the chats, the one that is open, and how it is connected. It draws nothing.

import { ApiError } from "./api.js";
import { type ClientOptions, RealTimeWebChatClient } from "./client.js";
import { Conversation, type Pending } from "./conversation.js";
import type { Say } from "./language.js";
import { Outbox } from "./outbox.js";
import type { ActionButton, Chat, Filters, SearchResult } from "./wire.js";

const TYPING_SHOWN_MS = 6_000;
const UNDO_MS = 6_000;
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
  chats: Chat[] = [];
  chatsLoaded = false;
  hasMoreChats = false;
  archived = false;
  search = "";
  /** Messages that hold what is searched for. */
  results: SearchResult[] = [];
  current: Conversation;
  connection: Connection = "connecting";
  notice: Notice | null = null;
  /** Who is writing in the chat that is open. */
  typing: string | null = null;
  private readonly conversations = new Map<string, Conversation>();
  private typingTimer: ReturnType<typeof setTimeout> | undefined;
  private deletions = new Map<string, ReturnType<typeof setTimeout>>();
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
    });
    const client = this.client;
    client.onPage = (page, kind) => {
      const conversation = this.conversations.get(page.chat_id);
      conversation?.takePage(page, kind);
      this.changed();
    };
    client.onMessage = client.onMessageUpdated = (message, chatId) => {
      this.conversations.get(chatId)?.put(message);
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
    if (options.hasList) {
      client.onChatPage = ({ chats, has_more }) => this.takeChats(chats, has_more);
    }
    this.client.filters = this.filters();
  }

  /** Connect, and open a chat: the one that is named, else the one this tab had open. "new" begins an empty one. */
  async start(named: string): Promise<void> {
    addEventListener("online", this.onOnline);
    addEventListener("offline", this.onOffline);
    addEventListener("pagehide", this.flushDeletions);
    document.addEventListener("visibilitychange", this.onVisible);
    const connected = this.client.connect();
    if (this.options.hasList) void this.loadChats();
    void this.openFirst(named);
    await connected;
    this.showConnection();
  }

  stop(): void {
    removeEventListener("online", this.onOnline);
    removeEventListener("offline", this.onOffline);
    removeEventListener("pagehide", this.flushDeletions);
    document.removeEventListener("visibilitychange", this.onVisible);
    this.flushDeletions();
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
    await this.outbox.restore(conversation);
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
    const turns = this.current.turns();
    const place = turns.findIndex(({ message }) => message.id === messageId);
    const before = turns[place - 1]?.message.id ?? null;
    if (place < 0) return;
    if (!before && !this.current.hasOlder) {
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
    this.client.read(last.id);
  }

  // The list of chats

  async loadChats(): Promise<void> {
    try {
      await this.client.refreshChats();
    } catch {
      // The badge tells of a server that cannot be reached; the list stays as it was.
    }
  }

  loadMoreChats(): Promise<void> {
    this.client.chatLimit = Math.min(200, this.client.chatLimit + 50);
    return this.loadChats();
  }

  showArchived(archived: boolean): void {
    this.archived = archived;
    this.chats = [];
    this.chatsLoaded = false;
    this.changed();
    this.client.setFilters(this.filters());
  }

  searchFor(text: string): void {
    this.search = text;
    this.client.setFilters(this.filters());
    void this.searchMessages(text.trim());
  }

  setFilters(filters: Filters): void {
    this.options.filters = filters;
    this.client.setFilters(this.filters());
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

  async rename(chat: Chat, title: string): Promise<void> {
    this.chats = this.chats.map((other) => (other.id === chat.id ? { ...other, name: title } : other));
    await this.change(chat.id, { title });
  }

  async archive(chat: Chat, archived: boolean): Promise<void> {
    this.chats = this.chats.filter(({ id }) => id !== chat.id);
    if (archived) {
      this.tell(this.say("chatArchived", { title: chat.name ?? "" }), {
        label: this.say("undo"),
        run: () => void this.archive(chat, false),
      });
    }
    await this.change(chat.id, { is_archived: archived });
  }

  /** Delete a chat: at once for the eye, and for good when the time to undo it is over. */
  delete(chat: Chat): void {
    this.deletions.set(
      chat.id,
      setTimeout(() => this.deleteNow(chat.id), UNDO_MS),
    );
    this.chats = this.chats.filter(({ id }) => id !== chat.id);
    if (this.current.id === chat.id) void this.open(null);
    this.tell(this.say("chatDeleted", { title: chat.name ?? "" }), {
      label: this.say("undo"),
      run: () => {
        clearTimeout(this.deletions.get(chat.id));
        this.deletions.delete(chat.id);
        void this.loadChats();
      },
    });
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

  private filters(): Filters {
    const filters: Filters = { is_archived: this.archived, ...this.options.filters };
    if (this.search.trim()) filters.name__icontains = this.search.trim();
    return filters;
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

  private async searchMessages(text: string): Promise<void> {
    let results: SearchResult[] = [];
    try {
      if (text.length > 1) ({ results } = await this.client.api.search(text, { limit: 20 }));
    } catch (error) {
      // Too many searches in a while, say: the titles are found all the same.
      if (!(error instanceof ApiError)) throw error;
    }
    if (text !== this.search.trim()) return;
    this.results = results;
    this.changed();
  }

  private async change(chatId: string, changes: { title?: string; is_archived?: boolean }): Promise<void> {
    this.changed();
    try {
      await this.client.api.updateChat(chatId, changes);
      this.client.announce();
    } catch (error) {
      this.tellError(error);
    }
    await this.loadChats();
  }

  private deleteNow(chatId: string): void {
    clearTimeout(this.deletions.get(chatId));
    this.client.api
      .deleteChat(chatId)
      .then(() => this.client.announce())
      .catch((error) => {
        if (!(error instanceof ApiError && error.status === 404)) this.tellError(error);
      })
      .finally(() => {
        this.deletions.delete(chatId);
        void this.loadChats();
      });
  }

  private readonly flushDeletions = (): void => {
    for (const chatId of this.deletions.keys()) this.deleteNow(chatId);
  };

  private takeChats(chats: Chat[], hasMore: boolean): void {
    this.chats = chats.filter(({ id }) => !this.deletions.has(id));
    this.hasMoreChats = hasMore;
    this.chatsLoaded = true;
    this.changed();
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
    if (before === "offline" && this.connection !== "offline") void this.outbox.flush(this.current);
    if (before !== this.connection) this.changed();
  }

  /** What came while nobody looked is read once somebody does. */
  private readonly onVisible = (): void => {
    if (!document.hidden) this.changed();
  };

  private readonly onOnline = (): void => {
    this.showConnection();
    void this.outbox.flush(this.current);
  };

  private readonly onOffline = (): void => this.showConnection();
}
