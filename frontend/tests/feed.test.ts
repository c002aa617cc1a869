import { beforeEach, expect, test } from "vitest";
import { Feed } from "../src/feed.js";
import type { Message, MessagePage, MessageQuery } from "../src/wire.js";
import { message } from "./messages.js";

/** A server whose answers wait until the test lets them go. */
let stored: Message[] = [];
let waiting: (() => void)[] = [];
let told: string[] = [];

function page(query: MessageQuery): Promise<MessagePage> {
  const from = query.after ? stored.findIndex(({ id }) => id === query.after) + 1 : Math.max(0, stored.length - 3);
  const messages = stored.slice(from, query.after ? from + 2 : undefined);
  const answer = { chat_id: "c", messages, has_more: query.after ? from + 2 < stored.length : from > 0 };
  return new Promise((resolve) => waiting.push(() => resolve(answer)));
}

function feed(lastSent = "", pages = page): Feed {
  const tell = (kind: string) => (item: Message) => told.push(`${kind} ${item.text}`);
  return new Feed(
    "c",
    {
      page: pages,
      onPage: (_, kind) => told.push(kind),
      onTaken: () => told.push("taken"),
      onNew: tell("new"),
      onChanged: tell("changed"),
      onGone: (id) => told.push(`gone ${id}`),
      onError: (error) => told.push(String(error)),
    },
    lastSent,
  );
}

async function letGo(): Promise<void> {
  while (waiting.length) {
    waiting.shift()?.();
    await new Promise((resolve) => setTimeout(resolve));
  }
}

beforeEach(() => {
  stored = [message({ text: "0" }), message({ text: "1" })];
  waiting = [];
  told = [];
});

test("what a chat holds at first is no news, but what followed the visitor's message is", async () => {
  const quiet = feed();
  void quiet.sync();
  await letGo();
  const loud = feed(stored[0]?.id);
  void loud.sync();
  await letGo();
  expect(told).toEqual(["newest", "taken", "newest", "new 0", "new 1", "taken"]);
});

test("what was changed or deleted while nobody listened is told, also from before the first page", async () => {
  const asked: MessageQuery[] = [];
  const answers: Partial<MessagePage>[] = [{ at: "then" }, {}];
  const mine = feed("", async (query) => {
    asked.push(query);
    return { chat_id: "c", messages: stored, has_more: false, ...answers.shift() };
  });
  await mine.sync();
  const [first, second] = stored as [Message, Message];
  const old = message({ text: "old" });
  stored = [{ ...first, text: "0 edited" }];
  answers[0] = { at: "now", changed: [{ ...first, text: "0 edited" }, old], deleted: [second.id] };
  told = [];
  await mine.sync();
  await mine.sync();
  expect(asked).toEqual([{}, { changed_since: "then" }, { changed_since: "now" }]);
  expect(told).toEqual(["newest", "changed 0 edited", "taken", "changed old", `gone ${second.id}`, "newest", "taken"]);
});

test("a gap is closed in order, and a message that was pushed meanwhile is told once", async () => {
  const one = feed();
  void one.sync();
  await letGo();
  told = [];
  stored = [...stored, ...["2", "3", "4", "5", "6", "7"].map((text) => message({ text }))];
  one.tell(stored[7]!);
  void one.sync();
  await letGo();
  expect(told.filter((line) => line.startsWith("new "))).toEqual([
    "new 7",
    "new 2",
    "new 3",
    "new 4",
    "new 5",
    "new 6",
  ]);
  one.tell({ ...stored[7]!, text: "seven" });
  expect(told.at(-1)).toBe("changed seven");
});

test("asked for meanwhile, it fetches once more, and no more than that", async () => {
  const one = feed();
  for (let n = 0; n < 5; n++) void one.sync();
  expect(waiting).toHaveLength(1);
  await letGo();
  expect(told.filter((line) => line === "newest")).toHaveLength(2);
});

test("after an interruption nothing is told of what was on its way, and the next sync fetches it", async () => {
  const one = feed();
  void one.sync();
  const before = waiting;
  waiting = [];
  one.interrupt();
  const again = one.sync();
  before.shift()?.();
  await new Promise((resolve) => setTimeout(resolve));
  expect(told).toEqual([]);
  await letGo();
  await again;
  expect(told).toEqual(["newest", "taken"]);
});
