// Editing an earlier message begins a branch: which messages lead to which, and what one branch shows.
//
// A visitor's message that answers an earlier one continues there, and what came between belongs to the older branch.

import type { Message } from "./wire.js";

/** A message in its branch. */
export interface Turn {
  message: Message;
  /** The ids of all its versions, itself included, oldest first. */
  versions: string[];
}

/** The tree of one chat's messages. */
export class Branches {
  private readonly parents = new Map<string, string | null>();
  private readonly children = new Map<string | null, string[]>();
  private readonly byId: Map<string, Message>;

  constructor(private readonly messages: Message[]) {
    this.byId = new Map(messages.map((message) => [message.id, message]));
    let previous: string | null = null;
    for (const message of messages) {
      const parent = this.parentOf(message, previous);
      this.parents.set(message.id, parent);
      const siblings = this.children.get(parent);
      if (siblings) siblings.push(message.id);
      else this.children.set(parent, [message.id]);
      previous = message.id;
    }
  }

  /** Give the branch that holds a message, to its end; the newest one without. */
  path(leaf: string | null): Turn[] {
    const last = leaf !== null && this.byId.has(leaf) ? this.end(leaf) : this.messages.at(-1)?.id;
    const turns: Turn[] = [];
    for (let id: string | null | undefined = last; id; id = this.parents.get(id)) {
      const versions = this.children.get(this.parents.get(id) ?? null) ?? [id];
      turns.push({ message: this.byId.get(id)!, versions });
    }
    return turns.reverse();
  }

  /** Give the last message of the newest branch through a message. */
  end(id: string): string {
    let last = id;
    for (let next = this.children.get(last)?.at(-1); next; next = this.children.get(last)?.at(-1)) last = next;
    return last;
  }

  private parentOf(message: Message, previous: string | null): string | null {
    const answered = message.reply_to_message_id;
    if (!answered || !this.byId.has(answered) || !this.parents.has(answered)) return previous;
    // A bot that answers late answers on the branch it was asked on.
    return message.is_outgoing === false ? answered : this.end(answered);
  }
}
