// What is told of one chat: each message once as it is, by whichever way it came, and nothing missing between two.

import type { Message, MessagePage, MessageQuery } from "./wire.js";

const MOST = 200;

/** Where a feed gets its pages from, and whom it tells. */
export interface FeedEnds {
  page(query: MessageQuery): Promise<MessagePage>;
  /** A page arrived, with the order that pushes cannot tell. */
  onPage(page: MessagePage, kind: "newest" | "after"): void;
  /** All of a page is told. */
  onTaken(page: MessagePage): void;
  onNew(message: Message): void;
  /** A message that was told before is another now, or one from before the feed's first page. */
  onChanged(message: Message): void;
  onGone(messageId: string): void;
  /** A sync that nobody waits for went wrong. */
  onError(error: Error): void;
}

/** Follow one chat's messages, until it is closed. */
export class Feed {
  /** Message id → the message as JSON, as it was told. */
  private readonly known = new Map<string, string>();
  /** Up to here nothing is missing. Only pages move it: a push may come before an older message's. */
  private cursor: string | null = null;
  /** Since when to ask for what was changed meanwhile. */
  private at = "";
  /** What the chat held at first is known, and no news. */
  private isSeeded = false;
  private syncing: Promise<void> | null = null;
  private syncAgain = false;
  /** Counts the times it was interrupted: what was asked for before is not told any more. */
  private epoch = 0;

  /** `lastSent` is the visitor's latest message: what followed it is news, also on the first page. */
  constructor(
    readonly chatId: string,
    private readonly ends: FeedEnds,
    private lastSent = "",
  ) {}

  /** Tell nothing of what is on its way; a later sync fetches it anew. */
  interrupt(): void {
    this.epoch += 1;
    this.syncing = null;
    this.syncAgain = false;
  }

  /** Fetch what is new; one at a time, and once more if asked for meanwhile. */
  sync(): Promise<void> {
    if (this.syncing) {
      this.syncAgain = true;
      return this.syncing;
    }
    const syncing = this.fetchNews(this.epoch).finally(() => {
      if (this.syncing !== syncing) return; // interrupted
      this.syncing = null;
      if (!this.syncAgain) return;
      this.syncAgain = false;
      void this.sync().catch((error) => this.ends.onError(error));
    });
    this.syncing = syncing;
    return syncing;
  }

  /** Tell of a message unless it was told, as it is, before. */
  tell(message: Message): void {
    const now = JSON.stringify(message);
    const before = this.known.get(message.id);
    if (before === now) return;
    this.known.set(message.id, now);
    if (before === undefined) this.ends.onNew(message);
    else this.ends.onChanged(message);
  }

  /** Tell of a message that was sent from here. */
  tellSent(message: Message): void {
    this.lastSent = message.id;
    this.tell(message);
  }

  /** Tell that a message is gone. */
  tellGone(messageId: string): void {
    this.known.delete(messageId);
    this.ends.onGone(messageId);
  }

  private async fetchNews(epoch: number): Promise<void> {
    const first = !this.isSeeded;
    const newest = await this.ends.page(this.at ? { changed_since: this.at } : {});
    if (epoch !== this.epoch) return;
    while (this.cursor && newest.has_more && !newest.messages.some(({ id }) => id === this.cursor)) {
      const page = await this.ends.page({ after: this.cursor, limit: MOST });
      if (epoch !== this.epoch) return;
      this.take(page, "after", false);
      if (!page.has_more) break;
    }
    this.isSeeded = true;
    this.take(newest, "newest", first);
    this.takeChanges(newest);
  }

  /** Tell what was changed while nobody listened, wherever in the chat. */
  private takeChanges(page: MessagePage): void {
    for (const message of page.changed ?? []) {
      if (this.known.has(message.id)) this.tell(message);
      else this.ends.onChanged(message);
    }
    for (const id of page.deleted ?? []) this.tellGone(id);
    this.at = page.at ?? this.at;
  }

  private take(page: MessagePage, kind: "newest" | "after", quietly: boolean): void {
    this.cursor = page.messages.at(-1)?.id ?? this.cursor;
    if (quietly) {
      // What followed a message sent from here is news; what was there before is not.
      const sent = page.messages.findIndex(({ id }) => id === this.lastSent);
      const before = sent < 0 ? page.messages : page.messages.slice(0, sent);
      for (const message of before) this.known.set(message.id, JSON.stringify(message));
    }
    this.ends.onPage(page, kind);
    for (const message of page.messages) this.tell(message);
    this.ends.onTaken(page);
  }
}
