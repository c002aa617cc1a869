// What a visitor does without a message: they write, and they have read; told now and then, by socket where there is one.

const TYPING_MS = 3_000;
const READ_MS = 300;

/** How marks are told: `send` says whether there was a socket of that chat to take a frame. */
export interface MarksEnds {
  send(chatId: string, frame: Record<string, unknown>): boolean;
  markTyping(chatId: string): Promise<unknown>;
  markRead(chatId: string, messageId: string): Promise<unknown>;
}

/** A mark that did not arrive is made again with the next one. */
const ignored = (): void => {};

/** Tell marks, at most every moment. */
export class Marks {
  private lastTyping = 0;
  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(private readonly ends: MarksEnds) {}

  /** The visitor is writing; at most every few seconds. */
  typing(chatId: string): void {
    if (Date.now() - this.lastTyping < TYPING_MS) return;
    this.lastTyping = Date.now();
    if (!this.ends.send(chatId, { action: "typing" })) void this.ends.markTyping(chatId).catch(ignored);
  }

  /** The visitor has seen a chat up to a message; of many in a moment the last one is told. */
  read(chatId: string, messageId: string): void {
    // Each chat has its own moment: whoever goes on to another chat has read the one before all the same.
    clearTimeout(this.timers.get(chatId));
    const tell = () => {
      this.timers.delete(chatId);
      if (this.ends.send(chatId, { action: "read", message_id: messageId })) return;
      void this.ends.markRead(chatId, messageId).catch(ignored);
    };
    this.timers.set(chatId, setTimeout(tell, READ_MS));
  }

  /** Tell nothing of what was not told yet. */
  stop(): void {
    for (const timer of this.timers.values()) clearTimeout(timer);
    this.timers.clear();
  }
}
