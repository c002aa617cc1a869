import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { type ClientOptions, RealTimeWebChatClient } from "../src/client.js";
import type { Message } from "../src/wire.js";
import { message } from "./messages.js";

/** A WebSocket whose other end is the test. */
class FakeSocket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static all: FakeSocket[] = [];
  /** What becomes of new ones: they are accepted, or closed with this code. */
  static refuse: number | null = null;
  readyState = 0;
  isDeaf = false;
  sent: Record<string, unknown>[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  constructor(readonly url: string) {
    FakeSocket.all.push(this);
    const refused = FakeSocket.refuse;
    setTimeout(() => {
      if (refused !== null) this.fail(refused);
      else {
        this.readyState = 1;
        this.onopen?.();
        this.push({ type: "ready" });
      }
    }, 5);
  }

  send(text: string): void {
    const frame = JSON.parse(text);
    this.sent.push(frame);
    if (frame.action === "ping" && !this.isDeaf) setTimeout(() => this.push({ type: "pong" }), 1);
  }

  push(frame: Record<string, unknown>): void {
    this.onmessage?.({ data: JSON.stringify(frame) });
  }

  fail(code = 1006): void {
    this.readyState = 3;
    this.onclose?.({ code });
  }

  close(): void {
    this.readyState = 3;
  }

  static of(chatId: string): FakeSocket {
    return FakeSocket.all.findLast(({ url }) => url.includes(`/${chatId}/`))!;
  }
}

/** What the server has stored. */
let stored: Message[] = [];
let asked: string[] = [];

function answer(url: string): unknown {
  const { pathname, searchParams } = new URL(url, location.href);
  asked.push(pathname);
  if (pathname.endsWith("/chats/")) return { chats: [], has_more: false };
  const after = searchParams.get("after");
  const limit = Number(searchParams.get("limit"));
  const rest = after ? stored.slice(stored.findIndex(({ id }) => id === after) + 1) : stored;
  const page = after ? rest.slice(0, limit) : rest.slice(-limit);
  return { chat_id: "webchat_1", messages: page, has_more: rest.length > limit };
}

let client: RealTimeWebChatClient;
let told: string[] = [];

async function connected(options: ClientOptions = {}): Promise<void> {
  client = new RealTimeWebChatClient("/unicom/webchat", { maxMessages: 5, ...options });
  client.onMessage = ({ text }) => told.push(`new ${text}`);
  client.onMessageUpdated = ({ text }) => told.push(`changed ${text}`);
  client.onConnectionChange = (is, type) => told.push(`${is} ${type}`);
  const connecting = client.connect();
  await vi.advanceTimersByTimeAsync(50);
  await connecting;
  await client.subscribeToChat("webchat_1");
  await vi.advanceTimersByTimeAsync(50);
}

beforeEach(() => {
  vi.useFakeTimers();
  FakeSocket.all = [];
  FakeSocket.refuse = null;
  stored = [];
  asked = [];
  told = [];
  vi.stubGlobal("WebSocket", FakeSocket);
  vi.stubGlobal("fetch", async (url: string) => {
    if (url.includes("broken")) throw new TypeError("no network");
    return new Response(JSON.stringify(answer(url)));
  });
});

afterEach(() => {
  client.disconnect();
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

describe("by socket", () => {
  test("one for the list and one for the chat, with the channel in the address", async () => {
    await connected({ channelId: 7, wsBase: "/sockets" });
    expect(FakeSocket.all.map(({ url }) => new URL(url).pathname + new URL(url).search)).toEqual([
      "/sockets/_me/?channel_id=7",
      "/sockets/webchat_1/?channel_id=7",
    ]);
    expect(told).toEqual(["true websocket"]);
  });

  test("a message is told once, however often and in whatever way it comes", async () => {
    await connected();
    const one = message({ text: "one" });
    stored = [one];
    FakeSocket.of("webchat_1").push({ type: "new_message", chat_id: "webchat_1", message: one });
    FakeSocket.of("webchat_1").push({ type: "new_message", chat_id: "webchat_1", message: one });
    client.refresh();
    await vi.advanceTimersByTimeAsync(50);
    FakeSocket.of("webchat_1").push({
      type: "message_updated",
      chat_id: "webchat_1",
      message: { ...one, text: "two" },
    });
    expect(told).toEqual(["true websocket", "new one", "changed two"]);
  });

  test("another chat's messages are not this one's", async () => {
    await connected();
    FakeSocket.of("webchat_1").push({ type: "new_message", chat_id: "webchat_2", message: message() });
    expect(told).toEqual(["true websocket"]);
  });

  test("a gap longer than a page is closed, in order, when the socket comes back", async () => {
    stored = [message({ text: "first" })];
    await connected();
    FakeSocket.of("webchat_1").fail();
    stored = [...stored, ...Array.from({ length: 23 }, (_, number) => message({ text: String(number) }))];
    await vi.advanceTimersByTimeAsync(5_000);
    const news = told.filter((line) => line.startsWith("new "));
    expect(news).toEqual(Array.from({ length: 23 }, (_, number) => `new ${number}`));
  });

  test("one that is open but dead is noticed by its silence, and replaced", async () => {
    await connected();
    const dead = FakeSocket.of("webchat_1");
    dead.isDeaf = true;
    await vi.advanceTimersByTimeAsync(26_000);
    expect(dead.sent.at(-1)).toEqual({ action: "ping" });
    await vi.advanceTimersByTimeAsync(12_000);
    expect(FakeSocket.of("webchat_1")).not.toBe(dead);
    expect(dead.readyState).toBe(3);
  });

  test("a refusal is not asked for again; a restart is", async () => {
    await connected();
    const before = FakeSocket.all.length;
    FakeSocket.of("webchat_1").fail(4403);
    await vi.advanceTimersByTimeAsync(60_000);
    expect(FakeSocket.all.filter(({ url }) => url.includes("webchat_1"))).toHaveLength(1);
    FakeSocket.of("_me").fail(1012);
    await vi.advanceTimersByTimeAsync(2_000);
    expect(FakeSocket.all.slice(before).map(({ url }) => new URL(url).pathname)).toEqual(["/ws/unicom/webchat/_me/"]);
  });

  test("filters go to the socket of the list", async () => {
    await connected();
    client.setFilters({ metadata__project_id: 1 });
    expect(FakeSocket.of("_me").sent.at(-1)).toEqual({ action: "filters", filters: { metadata__project_id: 1 } });
  });

  test("reading and writing are told at most now and then", async () => {
    await connected();
    const socket = FakeSocket.of("webchat_1");
    socket.sent = [];
    for (let n = 0; n < 100; n++) {
      client.typing();
      client.read(`m${n}`);
    }
    await vi.advanceTimersByTimeAsync(1_000);
    expect(socket.sent).toEqual([{ action: "typing" }, { action: "read", message_id: "m99" }]);
  });
});

describe("without sockets", () => {
  test("it polls, tells the same, and tries the socket again", async () => {
    FakeSocket.refuse = 1006;
    await connected({ autoRefresh: 2 });
    expect(told).toEqual(["true polling"]);
    stored = [message({ text: "one" })];
    await vi.advanceTimersByTimeAsync(2_100);
    stored = [{ ...stored[0]!, text: "two" }];
    await vi.advanceTimersByTimeAsync(2_100);
    expect(told).toEqual(["true polling", "new one", "changed two"]);
    FakeSocket.refuse = null;
    await vi.advanceTimersByTimeAsync(60_000);
    expect(told.at(-1)).toBe("true websocket");
    asked = [];
    await vi.advanceTimersByTimeAsync(20_000);
    expect(asked).toEqual([]);
  });

  test("auto-refresh 0 never asks", async () => {
    await connected({ autoRefresh: 0, disableWebSocket: true });
    asked = [];
    await vi.advanceTimersByTimeAsync(60_000);
    expect([asked, FakeSocket.all]).toEqual([[], []]);
  });

  test("a server in trouble is asked less and less often", async () => {
    await connected({ autoRefresh: 1, disableWebSocket: true });
    vi.stubGlobal("fetch", async () => {
      asked.push("x");
      throw new TypeError("no network");
    });
    client.onError = () => {};
    asked = [];
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked.length).toBeGreaterThan(5);
    expect(asked.length).toBeLessThan(15);
    expect(told.at(-1)).toBe("false polling");
  });

  test("websocket-only never polls", async () => {
    FakeSocket.refuse = 1006;
    await connected({ webSocketOnly: true });
    asked = [];
    await vi.advanceTimersByTimeAsync(60_000);
    expect(asked).toEqual([]);
    expect(FakeSocket.all.length).toBeGreaterThan(5);
  });

  test("somebody the server does not know yet is not polled for", async () => {
    FakeSocket.refuse = 4401;
    client = new RealTimeWebChatClient();
    const connecting = client.connect();
    await vi.advanceTimersByTimeAsync(50);
    await connecting;
    asked = [];
    await vi.advanceTimersByTimeAsync(60_000);
    expect([asked, client.isConnected()]).toEqual([[], true]);
  });
});
