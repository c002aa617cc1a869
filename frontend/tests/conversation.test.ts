import { describe, expect, test } from "vitest";
import { Conversation } from "../src/conversation.js";
import { message } from "./messages.js";

const page = (messages: ReturnType<typeof message>[], has_more = false) => ({
  chat_id: "webchat_1",
  messages,
  has_more,
});
const ids = (chat: Conversation) => chat.messages.map(({ id }) => id);
const shown = (chat: Conversation) => chat.turns().map((turn) => turn.message.id);

describe("the order of messages", () => {
  test("is the server's, whichever way they came", () => {
    const chat = new Conversation("webchat_1");
    const [a, b, c, d] = [message(), message(), message(), message()];
    chat.takePage(page([a]), "newest");
    chat.put(d); // pushed before the page with what is between
    chat.takePage(page([b, c, d]), "after");
    expect(ids(chat)).toEqual([a.id, b.id, c.id, d.id]);
  });

  test("shows each message once, whatever is repeated", () => {
    const chat = new Conversation("webchat_1");
    const [a, b] = [message(), message()];
    for (let round = 0; round < 3; round++) {
      chat.put(b);
      chat.takePage(page([a, b]), "newest");
      chat.takePage(page([a]), "before");
    }
    expect(ids(chat)).toEqual([a.id, b.id]);
  });

  test("keeps what was pushed while a page was on its way", () => {
    const chat = new Conversation("webchat_1");
    const [a, b, c] = [message(), message(), message()];
    chat.takePage(page([a]), "newest");
    chat.put(b);
    chat.put(c);
    chat.takePage(page([a, b]), "newest");
    expect(ids(chat)).toEqual([a.id, b.id, c.id]);
  });

  test("drops from its stretch what was deleted, and keeps what is older", () => {
    const chat = new Conversation("webchat_1");
    const [a, b, c, d] = [message(), message(), message(), message()];
    chat.takePage(page([a, b, c, d]), "newest");
    chat.takePage(page([b, d], true), "newest");
    expect(ids(chat)).toEqual([a.id, b.id, d.id]);
  });

  test("leaves what did not change the same object", () => {
    const chat = new Conversation("webchat_1");
    const a = message();
    chat.takePage(page([a]), "newest");
    chat.takePage(page([{ ...a }]), "newest");
    expect(chat.messages[0]).toBe(a);
  });
});

describe("what is not sent yet", () => {
  test("becomes the server's message in place", () => {
    const chat = new Conversation(null);
    const item = chat.enqueue("hello", null, null);
    const taken = message({ mine: true, client_msg_id: item.clientMsgId });
    chat.settle(item, taken);
    expect([chat.pending, chat.keyOf(taken)]).toEqual([[], item.clientMsgId]);
  });

  test("is forgotten when the message shows up although the answer to it was lost", () => {
    const chat = new Conversation("webchat_1");
    const item = chat.enqueue("hello", null, null);
    chat.put(message({ mine: true, client_msg_id: item.clientMsgId }));
    expect(chat.pending).toEqual([]);
    expect(chat.messages).toHaveLength(1);
  });
});

describe("branches", () => {
  const asked = () => {
    const chat = new Conversation("webchat_1");
    const u1 = message({ mine: true });
    const b1 = message({ reply_to_message_id: u1.id });
    const u2 = message({ mine: true });
    const b2 = message({ reply_to_message_id: u2.id });
    const u3 = message({ mine: true, reply_to_message_id: b1.id });
    const b3 = message({ reply_to_message_id: u3.id });
    chat.takePage(page([u1, b1, u2, b2, u3, b3]), "newest");
    return { chat, u1, b1, u2, b2, u3, b3 };
  };

  test("an edit leaves the older version's answer behind", () => {
    const { chat, u1, b1, u2, u3, b3 } = asked();
    expect(shown(chat)).toEqual([u1.id, b1.id, u3.id, b3.id]);
    expect(chat.turns()[2]?.versions).toEqual([u2.id, u3.id]);
  });

  test("the older version can be gone back to, and from", () => {
    const { chat, u1, b1, u2, b2, u3, b3 } = asked();
    chat.choose(u2.id);
    expect(shown(chat)).toEqual([u1.id, b1.id, u2.id, b2.id]);
    expect(chat.continuation()).toBe(b2.id);
    chat.choose(u3.id);
    expect(shown(chat)).toEqual([u1.id, b1.id, u3.id, b3.id]);
    expect(chat.continuation()).toBeNull();
  });

  test("what is written on an older branch goes on there, and that branch is then the newest", () => {
    const { chat, u1, b1, u2, b2 } = asked();
    chat.choose(u2.id);
    const u4 = message({ mine: true, reply_to_message_id: b2.id });
    chat.leaf = null;
    chat.put(u4);
    expect(shown(chat)).toEqual([u1.id, b1.id, u2.id, b2.id, u4.id]);
  });

  test("a late answer belongs to the question it answers", () => {
    const { chat, u2, b2, b3 } = asked();
    const late = message({ reply_to_message_id: u2.id });
    chat.put(late);
    chat.choose(u2.id);
    expect(shown(chat).slice(-2)).toEqual([b2.id, late.id]);
    chat.choose(b3.id);
    expect(shown(chat)).not.toContain(late.id);
  });

  test("two questions in a row and two answers stay one line", () => {
    const chat = new Conversation("webchat_1");
    const [u1, u2] = [message({ mine: true }), message({ mine: true })];
    const [b1, b2] = [message({ reply_to_message_id: u1.id }), message({ reply_to_message_id: u2.id })];
    chat.takePage(page([u1, u2, b1, b2]), "newest");
    expect(shown(chat)).toEqual([u1.id, u2.id, b1.id, b2.id]);
  });
});
