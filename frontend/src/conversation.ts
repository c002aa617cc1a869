// What is known of one chat: its messages in the server's order, and the visitor's that the server has not taken yet.

import { uuid } from "./api.js";
import { Branches, type Turn } from "./branches.js";
import type { Message, MessagePage } from "./wire.js";

/** A message on its way to the server. */
export interface Pending {
  /** The same for every attempt, so that a repeated one makes no second message. */
  clientMsgId: string;
  text: string;
  file: File | null;
  replyTo: string | null;
  timestamp: string;
  state: "waiting" | "sending" | "failed";
  /** The share of the file that is on its way. */
  progress: number;
  /** The server's sentence, where it refused. */
  error: string;
}

/** One chat as it is on screen. */
export class Conversation {
  /** Null until the first message made the chat. */
  id: string | null;
  messages: Message[] = [];
  pending: Pending[] = [];
  loaded: boolean;
  hasOlder = false;
  loadingOlder = false;
  failed = false;
  /** Kept while another chat is looked at. */
  draft = "";
  /** The visitor's messages up to this one were read. */
  readUpTo: string | null = null;
  /** The last message of the branch that is looked at; null: the newest. */
  leaf: string | null = null;
  private readonly keys = new Map<string, string>();
  private cursor: string | null = null;

  constructor(id: string | null) {
    this.id = id;
    this.loaded = id === null;
  }

  enqueue(text: string, file: File | null, replyTo: string | null): Pending {
    const item: Pending = {
      clientMsgId: uuid(),
      text,
      file,
      replyTo,
      timestamp: new Date().toISOString(),
      state: "waiting",
      progress: 0,
      error: "",
    };
    this.pending = [...this.pending, item];
    return item;
  }

  discard(item: Pending): void {
    this.pending = this.pending.filter((other) => other !== item);
  }

  /** Put what the server made of a pending message in its place. */
  settle(item: Pending, message: Message): void {
    this.keys.set(message.id, item.clientMsgId);
    this.discard(item);
    this.put(message);
  }

  /** Take in a pushed message, new or changed. */
  put(message: Message): void {
    this.forgetTaken([message]);
    const index = this.messages.findIndex((known) => known.id === message.id);
    if (index < 0) this.messages = [...this.messages, message];
    else if (!same(this.messages[index]!, message)) this.messages = this.messages.with(index, message);
  }

  /** Take in how a message is now, where it is shown. */
  change(message: Message): void {
    if (this.messages.some(({ id }) => id === message.id)) this.put(message);
  }

  /** A message is gone. */
  remove(id: string): void {
    this.messages = this.messages.filter((message) => message.id !== id);
  }

  /** Take in a page, whose order is the server's. */
  takePage(page: MessagePage, kind: "newest" | "after" | "before"): void {
    const known = new Map(this.messages.map((message) => [message.id, message]));
    // What did not change keeps its identity, and is not drawn anew.
    const arrived = page.messages.map((message) => {
      const before = known.get(message.id);
      return before && same(before, message) ? before : message;
    });
    const ids = new Set(arrived.map(({ id }) => id));
    const others = this.messages.filter(({ id }) => !ids.has(id));
    if (kind === "before") {
      this.messages = [...arrived, ...others];
      this.hasOlder = page.has_more;
      return;
    }
    if (kind === "after") {
      const place = others.findIndex(({ id }) => id === this.cursor) + 1;
      this.messages = [...others.slice(0, place), ...arrived, ...others.slice(place)];
    } else {
      this.replaceTail(arrived, page.has_more);
    }
    this.loaded = true;
    this.failed = false;
    this.cursor = arrived.at(-1)?.id ?? this.cursor;
    this.forgetTaken(arrived);
  }

  /** The key a message has on screen: the one it had while it was pending. */
  keyOf(message: Message): string {
    return this.keys.get(message.id) ?? message.id;
  }

  /** The branch that is looked at. */
  turns(): Turn[] {
    return new Branches(this.messages).path(this.leaf);
  }

  /** Go to another version of a message. */
  choose(id: string): void {
    const branches = new Branches(this.messages);
    const leaf = branches.end(id);
    this.leaf = leaf === this.messages.at(-1)?.id ? null : leaf;
  }

  /** What a message written now has to answer, so that it continues what is on screen; null: nothing in particular. */
  continuation(): string | null {
    return this.leaf;
  }

  private replaceTail(arrived: Message[], hasMore: boolean): void {
    const first = arrived[0];
    const start = first ? this.messages.findIndex(({ id }) => id === first.id) : -1;
    const last = arrived.at(-1);
    const end = last ? this.messages.findLastIndex(({ id }) => id === last.id) : -1;
    // Pushed after the page was made.
    const ids = new Set(arrived.map(({ id }) => id));
    const ahead = end >= 0 ? this.messages.slice(end + 1).filter(({ id }) => !ids.has(id)) : [];
    if (start > 0) {
      this.messages = [...this.messages.slice(0, start).filter(({ id }) => !ids.has(id)), ...arrived, ...ahead];
    } else {
      this.messages = [...arrived, ...ahead];
      this.hasOlder = hasMore;
    }
  }

  /** A send whose answer was lost, although the message was taken. */
  private forgetTaken(messages: Message[]): void {
    for (const message of messages) {
      const item = this.pending.find(({ clientMsgId }) => clientMsgId === message.client_msg_id);
      if (!item) continue;
      this.keys.set(message.id, item.clientMsgId);
      this.discard(item);
    }
  }
}

function same(one: Message, other: Message): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
