// Real time for a web chat: sockets where there are any, polling where there are none, the same callbacks for both.

import { type ApiOptions, sendOptions, WebChatAPI } from "./api.js";
import { Feed } from "./feed.js";
import { Marks } from "./marks.js";
import { Polling } from "./polling.js";
import { type Frame, LiveSocket, type SocketEvents } from "./socket.js";
import type { Chat, ChatPage, Filters, Message, MessagePage, MessageQuery, SendAnswer, SendOptions } from "./wire.js";

export { ApiError, type ApiOptions, WebChatAPI } from "./api.js";
export type * from "./wire.js";

/** How it is connected. */
export type ConnectionType = "websocket" | "polling";

/** Settings of a RealTimeWebChatClient. */
export interface ClientOptions extends ApiOptions {
  /** Seconds between two polls where there is no socket; 0 never polls. 5 by default. */
  autoRefresh?: number;
  /** How many messages a page holds; 50 by default. */
  maxMessages?: number;
  /** Never try a socket. */
  disableWebSocket?: boolean;
  /** Never poll: try the socket again and again, with growing pauses. */
  webSocketOnly?: boolean;
  /** Where the sockets are; `/ws/unicom/webchat` on the API's host by default. */
  wsBase?: string;
}

/** The reserved id of the socket that tells of all chats of the visitor. */
const EVERY_CHAT = "_me";
const NOBODY = 4401;
const LIST_MS = 200;

/**
 * Follow a visitor's chats in real time.
 *
 * It tries a WebSocket first and polls while there is none; each message is told once, whichever way it came. Set the
 * callbacks, then `await connect()`.
 */
export class RealTimeWebChatClient {
  readonly api: WebChatAPI;
  filters: Filters = {};
  /** How many chats the list holds. */
  chatLimit = 50;

  /** A message is new in the chat subscribed to. */
  onMessage: ((message: Message, chatId: string) => void) | null = null;
  /** A message changed: it was edited, or grew. */
  onMessageUpdated: ((message: Message, chatId: string) => void) | null = null;
  /** One chat changed or is new. */
  onChatUpdate: ((chat: Chat) => void) | null = null;
  /** The list of chats, within the filters. */
  onChatsUpdate: ((chats: Chat[]) => void) | null = null;
  /** The connection came or went; `type` is how it is, or will be, connected. */
  onConnectionChange: ((connected: boolean, type: ConnectionType) => void) | null = null;
  onError: ((error: Error) => void) | null = null;
  /** Somebody is writing. */
  onTyping: ((frame: Frame) => void) | null = null;
  /** Somebody has read up to a message. */
  onRead: ((frame: Frame) => void) | null = null;
  /** A message is gone. */
  onMessageDeleted: ((messageId: string, chatId: string) => void) | null = null;
  /** The list of chats as a page, which says whether there are more. */
  onChatPage: ((page: ChatPage) => void) | null = null;
  /** A page of history arrived, with the order that pushes cannot tell. */
  onPage: ((page: MessagePage, kind: "newest" | "after" | "before") => void) | null = null;

  private readonly options: Required<Pick<ClientOptions, "autoRefresh" | "maxMessages">> & ClientOptions;
  private me: LiveSocket | null = null;
  private room: LiveSocket | null = null;
  /** The chat subscribed to. */
  private feed: Feed | null = null;
  private readonly marks: Marks;
  private readonly polling: Polling;
  private running = false;
  private told = "";
  /** The visitor has not written yet, and is nobody to the server. */
  private isNobody = false;
  private hasLostSocket = false;
  private listTimer: ReturnType<typeof setTimeout> | undefined;
  private listing = 0;
  private lastSent = "";
  private channel: BroadcastChannel | null = null;

  constructor(apiBase = "/unicom/webchat", options: ClientOptions = {}) {
    this.api = new WebChatAPI(apiBase, options);
    this.options = { autoRefresh: 5, maxMessages: 50, ...options };
    this.polling = new Polling({
      every: this.options.webSocketOnly ? 0 : this.options.autoRefresh,
      isWanted: () => this.running && !this.isLive,
      ask: () => Promise.all([this.fetchChats(), this.feed?.sync()]),
      onAsked: () => this.tellConnection(),
      onError: (error) => this.onError?.(error),
    });
    this.marks = new Marks({
      send: (chatId, frame) => chatId === this.chatId && Boolean(this.room?.send(frame)),
      markTyping: (chatId) => this.api.markTyping(chatId),
      markRead: (chatId, messageId) => this.api.markRead(chatId, messageId),
    });
  }

  /** Connect; resolves once it is known how. */
  async connect(): Promise<void> {
    if (this.running) return;
    this.running = true;
    addEventListener("online", this.wake);
    addEventListener("offline", this.slept);
    addEventListener("pageshow", this.wake);
    document.addEventListener("visibilitychange", this.wake);
    if (typeof BroadcastChannel !== "undefined") {
      this.channel = new BroadcastChannel(`unicom-webchat ${this.api.base} ${this.api.channelId}`);
      this.channel.onmessage = () => this.refresh();
    }
    if (this.options.disableWebSocket) {
      this.polling.schedule(0);
      return;
    }
    await new Promise<void>((resolve) => {
      this.me = this.socket(EVERY_CHAT, resolve);
      this.me.start();
    });
    if (this.chatId) this.enter(this.chatId);
  }

  /** Let go of everything; `connect` begins anew. */
  disconnect(): void {
    this.running = false;
    this.feed?.interrupt();
    this.marks.stop();
    this.told = "";
    this.polling.stop();
    clearTimeout(this.listTimer);
    this.listTimer = undefined;
    removeEventListener("online", this.wake);
    removeEventListener("offline", this.slept);
    removeEventListener("pageshow", this.wake);
    document.removeEventListener("visibilitychange", this.wake);
    this.channel?.close();
    this.me?.stop();
    this.room?.stop();
    this.channel = this.me = this.room = null;
  }

  /** Whether news arrive, by socket or by polling. */
  isConnected(): boolean {
    return this.isLive || (this.running && this.polling.isOn && !this.polling.hasFailed && navigator.onLine);
  }

  /** Whether nothing is fetched unasked: polling is off, and so are sockets. */
  get isManual(): boolean {
    return Boolean(this.options.disableWebSocket) && this.options.autoRefresh <= 0;
  }

  /** How it is connected, or will be. */
  get connectionType(): ConnectionType {
    return this.isLive || this.options.webSocketOnly ? "websocket" : "polling";
  }

  /** Whether the server could not be asked, the last time. */
  get hasFailed(): boolean {
    return this.polling.hasFailed || this.hasLostSocket;
  }

  /** Show only chats that match; takes effect with the next answer. */
  setFilters(filters: Filters): void {
    this.filters = { ...filters };
    this.me?.send({ action: "filters", filters: this.filters });
    if (this.running) void this.tellChats();
  }

  /** Follow one chat's messages, or none; resolves once what it holds is known. */
  async subscribeToChat(chatId: string | null): Promise<void> {
    if (chatId === this.chatId) return;
    this.room?.stop();
    this.room = null;
    this.feed?.interrupt();
    this.feed = chatId ? this.feedOf(chatId) : null;
    if (!chatId) return;
    if (this.running) this.enter(chatId);
    await this.feed?.sync();
  }

  /**
   * Send a message; without `chatId` a chat is made.
   *
   * The last argument is the new chat's metadata, or SendOptions.
   */
  async sendMessage(
    text: string,
    chatId: string | null = null,
    file: File | null = null,
    metadataOrOptions: Record<string, unknown> | SendOptions | null = null,
  ): Promise<SendAnswer> {
    const answer = await this.api.sendMessage(text, chatId, file, sendOptions(metadataOrOptions));
    this.lastSent = answer.message.id;
    if (answer.chat_id === this.chatId) this.feed?.tellSent(answer.message);
    // A guest is somebody from the first message on, and may now have a socket.
    this.isNobody = false;
    if (this.running && !this.options.disableWebSocket) this.me?.start();
    this.channel?.postMessage(answer.chat_id);
    return answer;
  }

  /** List the chats, within the filters. */
  async getChats(page: { limit?: number; offset?: number; cursor?: string } = {}): Promise<Chat[]> {
    return (await this.api.getChats(this.filters, { limit: this.chatLimit, ...page })).chats;
  }

  /** Give a page of a chat, oldest first. */
  getMessages(chatId: string, query: MessageQuery = {}): Promise<MessagePage> {
    return this.api.getMessages(chatId, { limit: this.options.maxMessages, ...query });
  }

  /** Say that the visitor is writing; at most every few seconds. */
  typing(): void {
    if (this.chatId) this.marks.typing(this.chatId);
  }

  /** Say that the visitor has seen a chat up to a message; of many in a moment the last one is told. */
  read(messageId: string, chatId = this.chatId): void {
    if (chatId && this.running) this.marks.read(chatId, messageId);
  }

  /** Tell this visitor's other pages that something changed. */
  announce(): void {
    this.channel?.postMessage("");
  }

  /** Look at the list of chats again; rejects where the server cannot be asked. */
  refreshChats(): Promise<void> {
    return this.fetchChats();
  }

  /** Fetch now what is new. */
  readonly refresh = (): void => {
    if (!this.running) return;
    this.sync();
    void this.tellChats();
  };

  /** Whether what is on screen comes by socket: the chat where one is open, else the list. */
  private get isLive(): boolean {
    // The server takes sockets, and nothing can arrive for somebody it does not know yet.
    if (!this.chatId && this.isNobody) return true;
    return Boolean(this.chatId && !this.options.disableWebSocket ? this.room?.isReady : this.me?.isReady);
  }

  /** Fetch what an act of the visitor will have led to, where no socket tells. */
  refreshSoon(): void {
    if (!this.running || this.isLive) return;
    this.sync();
    if (this.polling.isOn) this.polling.schedule(1);
  }

  private readonly wake = (): void => {
    if (!this.running || document.hidden) return;
    this.me?.wake();
    this.room?.wake();
    if (this.isLive) this.refresh();
    else this.polling.schedule(0);
  };

  private readonly slept = (): void => this.tellConnection();

  private socket(chatId: string, settled?: () => void): LiveSocket {
    const base = this.options.wsBase ?? "/ws/unicom/webchat";
    const url = new URL(
      `${base.replace(/\/+$/, "")}/${encodeURIComponent(chatId)}/`,
      new URL(this.api.base, location.href),
    );
    url.protocol = url.protocol === "http:" || url.protocol === "ws:" ? "ws:" : "wss:";
    if (this.api.channelId) url.searchParams.set("channel_id", this.api.channelId);
    // The server waits for the token, and takes no notice of cookies.
    if (this.api.pass) url.searchParams.set("auth", "token");
    const events: SocketEvents = {
      onReady: () => {
        settled?.();
        this.hasLostSocket = false;
        // Where one gets through, the other will.
        this.me?.hurry();
        this.room?.hurry();
        this.polling.stop();
        this.tellConnection();
        // Between the page's last answer and now something may have happened. A socket's pushes wait for its first frame.
        const socket = chatId === EVERY_CHAT ? this.me : this.room;
        if (chatId === EVERY_CHAT) {
          socket?.send({ action: "filters", filters: this.filters });
          void this.tellChats();
        } else {
          socket?.send({ action: "ping" });
          this.sync();
        }
      },
      onFrame: (frame) => this.receive(frame),
      onDown: (refused) => {
        this.hasLostSocket = true;
        this.isNobody = refused === NOBODY && chatId === EVERY_CHAT;
        settled?.();
        if (refused === 4400 || refused === 4403)
          this.onError?.(new Error(`The server closed the socket (${refused}).`));
        this.tellConnection();
        if (!this.isLive) this.polling.schedule(this.polling.hasFailed ? undefined : 0);
      },
    };
    return new LiveSocket(url.href, events, this.api.pass);
  }

  private enter(chatId: string): void {
    if (this.options.disableWebSocket) return;
    this.room = this.socket(chatId);
    this.room.start();
  }

  private receive(frame: Frame): void {
    const { type } = frame;
    if ((type === "new_message" || type === "message_updated") && frame.chat_id === this.chatId) {
      this.feed?.tell(frame.message as Message);
      // The list has no socket of its own here: what changed in this chat changed its line.
      if (!this.me?.isReady) this.tellChatsSoon();
    } else if (type === "message_deleted" && frame.chat_id === this.chatId) {
      this.feed?.tellGone(String(frame.message_id));
    } else if (type === "chat_update" && frame.chat) {
      this.onChatUpdate?.(frame.chat as Chat);
      this.tellChatsSoon();
    } else if (type === "chat_removed") {
      this.tellChatsSoon();
    } else if (type === "typing") this.onTyping?.(frame);
    else if (type === "read") this.onRead?.(frame);
  }

  private get chatId(): string | null {
    return this.feed?.chatId ?? null;
  }

  private feedOf(chatId: string): Feed {
    const ends = {
      page: (query: MessageQuery) => this.getMessages(chatId, query),
      onPage: (page: MessagePage, kind: "newest" | "after") => this.onPage?.(page, kind),
      onTaken: (page: MessagePage) => this.takeMarks(page),
      onNew: (message: Message) => this.onMessage?.(message, message.chat_id),
      onChanged: (message: Message) => this.onMessageUpdated?.(message, message.chat_id),
      onGone: (messageId: string) => this.onMessageDeleted?.(messageId, chatId),
      onError: (error: Error) => this.onError?.(error),
    };
    return new Feed(chatId, ends, this.lastSent);
  }

  /** Fetch what is new in the chat, where nobody waits for it. */
  private sync(): void {
    void this.feed?.sync().catch((error) => this.onError?.(error));
  }

  private takeMarks(page: MessagePage): void {
    if (this.room?.isReady) return; // marks come by the socket
    for (const { name, is_outgoing } of page.typing ?? []) this.onTyping?.({ type: "typing", name, is_outgoing });
    if (page.read_up_to) this.onRead?.({ type: "read", message_id: page.read_up_to, is_outgoing: true });
  }

  /** Several changes within a moment are one look at the list. */
  private tellChatsSoon(): void {
    this.listTimer ??= setTimeout(() => {
      this.listTimer = undefined;
      void this.tellChats();
    }, LIST_MS);
  }

  private async tellChats(): Promise<void> {
    try {
      await this.fetchChats();
    } catch (error) {
      this.onError?.(error as Error);
    }
  }

  private async fetchChats(): Promise<void> {
    if (!this.onChatsUpdate && !this.onChatPage) return;
    const turn = ++this.listing;
    const page = await this.api.getChats(this.filters, { limit: this.chatLimit });
    // An answer that was overtaken, by other filters or a newer look, is old.
    if (turn !== this.listing || !this.running) return;
    this.onChatPage?.(page);
    this.onChatsUpdate?.(page.chats);
  }

  private tellConnection(): void {
    const connected = this.isConnected();
    const type = this.connectionType;
    if (!this.running || this.told === `${connected} ${type}`) return;
    this.told = `${connected} ${type}`;
    this.onConnectionChange?.(connected, type);
  }
}
