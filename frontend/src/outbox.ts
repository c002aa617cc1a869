// Brings the visitor's messages to the server: one at a time and in order, each until it is taken or refused.

import { ApiError } from "./api.js";
import type { RealTimeWebChatClient } from "./client.js";
import type { Conversation, Pending } from "./conversation.js";

const PAUSES_MS = [1_000, 3_000, 8_000];
const KEPT = "unicom-webchat-unsent";

/** What an outbox tells and asks. */
export interface OutboxEvents {
  onChange(): void;
  onSent(conversation: Conversation, isNew: boolean): void;
  /** What a new chat is to carry. */
  metadata(): Record<string, unknown>;
  /** Say why something was not taken. */
  explain(error: ApiError): string;
}

/** Keep what is not sent yet, also over a reload of the tab; files cannot be kept that long. */
export class Outbox {
  private readonly sending = new Set<Conversation>();

  constructor(
    private readonly client: RealTimeWebChatClient,
    private readonly events: OutboxEvents,
  ) {}

  /** Send what waits; while the browser is offline it goes on waiting. */
  async flush(conversation: Conversation): Promise<void> {
    this.keep(conversation);
    if (this.sending.has(conversation)) return;
    this.sending.add(conversation);
    try {
      for (;;) {
        const item = conversation.pending.find(({ state }) => state === "waiting");
        if (!item || !navigator.onLine) break;
        await this.send(conversation, item);
      }
    } finally {
      this.sending.delete(conversation);
    }
  }

  retry(conversation: Conversation, item: Pending): Promise<void> {
    // While there is no chat yet, the first message has to make it; a later one would make a second chat.
    const again = conversation.id === null ? conversation.pending : [item];
    for (const one of again) if (one.state === "failed") one.state = "waiting";
    this.events.onChange();
    return this.flush(conversation);
  }

  discard(conversation: Conversation, item: Pending): void {
    conversation.discard(item);
    this.keep(conversation);
    this.events.onChange();
  }

  /** Take up what this tab had not sent when it was closed or reloaded. */
  async restore(conversation: Conversation): Promise<void> {
    const kept = this.kept()[this.place(conversation)] ?? [];
    for (const { clientMsgId, text, replyTo } of kept) {
      if (conversation.pending.some((item) => item.clientMsgId === clientMsgId)) continue;
      Object.assign(conversation.enqueue(text, null, replyTo), { clientMsgId });
    }
    if (kept.length) await this.flush(conversation);
  }

  private async send(conversation: Conversation, item: Pending): Promise<void> {
    const isNew = conversation.id === null;
    const place = this.place(conversation);
    item.state = "sending";
    this.events.onChange();
    for (let attempt = 0; ; attempt++) {
      try {
        const answer = await this.client.sendMessage(item.text, conversation.id, item.file, {
          clientMsgId: item.clientMsgId,
          replyToMessageId: item.replyTo,
          metadata: this.events.metadata(),
          onProgress: (share) => {
            item.progress = share;
            this.events.onChange();
          },
        });
        conversation.id ??= answer.chat_id;
        conversation.settle(item, answer.message);
        if (isNew) this.forget(place);
        this.keep(conversation);
        this.events.onSent(conversation, isNew);
        break;
      } catch (error) {
        if (!(error instanceof ApiError)) throw error;
        if (error.status === 0 && !navigator.onLine) {
          item.state = "waiting";
          break;
        }
        // A server that has made the chat, and does not answer at all, will be back; what never answered may not mean to.
        const isAway = error.status === 0 && conversation.id !== null;
        const round = isAway ? Math.min(attempt, PAUSES_MS.length - 1) : attempt;
        const pause = error.retryAfter ? error.retryAfter * 1000 : PAUSES_MS[round];
        if (error.isTemporary && pause !== undefined && round < PAUSES_MS.length) {
          await new Promise((resolve) => setTimeout(resolve, Math.min(pause, 30_000)));
          continue;
        }
        item.state = "failed";
        item.error = this.events.explain(error);
        // What follows would stand before what it follows, or make a second chat.
        if (conversation.id === null) for (const one of conversation.pending) one.state = "failed";
        break;
      }
    }
    this.events.onChange();
  }

  // Kept in the tab's own storage: the next person at this computer must not send it.

  private place(conversation: Conversation): string {
    return `${this.client.api.base} ${this.client.api.channelId} ${conversation.id ?? ""}`;
  }

  private kept(): Record<string, Pick<Pending, "clientMsgId" | "text" | "replyTo">[]> {
    try {
      return JSON.parse(sessionStorage.getItem(KEPT) ?? "{}");
    } catch {
      return {};
    }
  }

  private keep(conversation: Conversation): void {
    const all = this.kept();
    const texts = conversation.pending.filter(({ file }) => file === null);
    const place = this.place(conversation);
    if (texts.length) all[place] = texts.map(({ clientMsgId, text, replyTo }) => ({ clientMsgId, text, replyTo }));
    else delete all[place];
    this.store(all);
  }

  private forget(place: string): void {
    const all = this.kept();
    delete all[place];
    this.store(all);
  }

  private store(all: object): void {
    try {
      sessionStorage.setItem(KEPT, JSON.stringify(all));
    } catch {
      // Storage is full or forbidden: then it lasts as long as the page.
    }
  }
}
