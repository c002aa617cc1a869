// Brings the visitor's messages to the server: one at a time and in order, each until it is taken or has failed.

import { ApiError } from "./api.js";

/** @typedef {import("./conversation.js").Conversation} Conversation */
/** @typedef {import("./conversation.js").Pending} Pending */

export class Sender {
  /**
   * @param {import("./api.js").Api} api
   * @param {object} events
   * @param {(conversation: Conversation) => void} events.onChange something on screen is to change
   * @param {(conversation: Conversation, isNew: boolean) => void} events.onSent
   * @param {(sentence: string) => void} events.onError
   */
  constructor(api, events) {
    this.api = api;
    this.events = events;
  }

  /** @param {Conversation} conversation */
  async flush(conversation) {
    if (conversation.sending) return;
    conversation.sending = true;
    try {
      let item;
      while ((item = conversation.pending.find(({ state }) => state === "waiting"))) {
        await this.#send(conversation, item);
      }
    } finally {
      conversation.sending = false;
    }
  }

  /**
   * @param {Conversation} conversation
   * @param {Pending} item
   */
  retry(conversation, item) {
    // While there is no chat yet, the first message has to make it; a later one would make a second chat.
    const again = conversation.id === null ? conversation.pending : [item];
    for (const one of again) if (one.state === "failed") one.state = "waiting";
    return this.flush(conversation);
  }

  /**
   * @param {Conversation} conversation
   * @param {Pending} item
   */
  async #send(conversation, item) {
    item.state = "sending";
    conversation.revision += 1;
    this.events.onChange(conversation);
    try {
      const { text, file, clientMsgId } = item;
      const answer = await this.api.send({ text, file, clientMsgId, chatId: conversation.id });
      const isNew = conversation.id === null;
      conversation.id ??= answer.chat_id;
      conversation.settle(item, answer.message);
      this.events.onSent(conversation, isNew);
    } catch (error) {
      item.state = "failed";
      if (conversation.id === null) {
        for (const one of conversation.pending) one.state = "failed";
      }
      if (!(error instanceof ApiError)) throw error;
      this.events.onError(error.message);
    } finally {
      conversation.revision += 1;
      this.events.onChange(conversation);
    }
  }
}
