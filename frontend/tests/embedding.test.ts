import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { RealTimeWebChatClient, WebChatAPI } from "../src/client.js";
import { safeFragment } from "../src/safe-html.js";
import { message } from "./messages.js";

const BASE = "https://chat.example/unicom/webchat";
const DAY_MS = 86_400_000;

interface Asked {
  path: string;
  method: string;
  headers: Headers;
  credentials: string | undefined;
  body: Record<string, unknown>;
}

/** What was asked of the server, and the tokens it takes. */
let asked: Asked[] = [];
let given = 0;
let taken: Set<string>;
let refusal: number | null = null;
let isGone = false;

async function serve(address: string, init: RequestInit): Promise<Response> {
  if (isGone) throw new TypeError("no network");
  const { pathname } = new URL(address);
  const path = pathname.replace("/unicom/webchat/", "");
  const headers = new Headers(init.headers);
  const body = init.body ? JSON.parse(String(init.body)) : {};
  asked.push({ path, method: init.method ?? "GET", headers, credentials: init.credentials, body });
  if (path === "token/") {
    if (refusal) return Response.json({ error: "No." }, { status: refusal });
    const token = `token ${++given}`;
    taken.add(token);
    const lasts = body.identifier ? DAY_MS : 30 * DAY_MS;
    return Response.json({ success: true, token, expires_at: new Date(Date.now() + lasts).toISOString() });
  }
  const token = (headers.get("Authorization") ?? "").replace("Bearer ", "");
  if (!taken.has(token)) return Response.json({ error: "The token has expired." }, { status: 401 });
  if (path === "send/") return Response.json({ success: true, chat_id: "webchat_1", message: message({ mine: true }) });
  if (path === "chats/") return Response.json({ chats: [], has_more: false });
  return Response.json({ chat_id: "webchat_1", messages: [], has_more: false });
}

/** A socket that wants a token first, as the server's does. */
class TokenSocket {
  static readonly CONNECTING = 0;
  static readonly OPEN = 1;
  static all: TokenSocket[] = [];
  readyState = 0;
  sent: Record<string, unknown>[] = [];
  onopen: (() => void) | null = null;
  onmessage: ((event: { data: string }) => void) | null = null;
  onclose: ((event: { code: number }) => void) | null = null;

  constructor(readonly url: string) {
    TokenSocket.all.push(this);
    setTimeout(() => {
      this.readyState = 1;
      this.onopen?.();
    }, 5);
  }

  send(text: string): void {
    const frame = JSON.parse(text);
    this.sent.push(frame);
    if (frame.action !== "authenticate") return;
    setTimeout(() => {
      if (taken.has(frame.token)) this.onmessage?.({ data: '{"type": "ready"}' });
      else this.onclose?.({ code: 4401 });
    }, 1);
  }

  close(): void {
    this.readyState = 3;
  }
}

const paths = () => asked.map(({ path }) => path);
const embedded = (more: object = {}) => new WebChatAPI(BASE, { channelId: 7, ...more });
const ann = { identifier: "ann", identifierHash: "abc" };

beforeEach(() => {
  vi.useFakeTimers();
  localStorage.clear();
  asked = [];
  given = 0;
  taken = new Set();
  refusal = null;
  isGone = false;
  TokenSocket.all = [];
  vi.stubGlobal("fetch", serve);
  vi.stubGlobal("WebSocket", TokenSocket);
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  vi.restoreAllMocks();
  localStorage.clear();
});

describe("a guest of another site's page", () => {
  test("is nobody, and nothing is asked or kept, until they write", async () => {
    const api = embedded();
    expect([api.isNobody, (await api.getChats()).chats, (await api.search("x")).results]).toEqual([true, [], []]);
    await expect(api.getMessages("webchat_1")).rejects.toMatchObject({ status: 404 });
    expect([asked, localStorage.length]).toEqual([[], 0]);
  });

  test("fetches a token with the first message, and goes by that alone", async () => {
    const api = embedded({ visitorName: "Zoë" });
    await api.sendMessage("hello");
    await api.getChats();
    expect(paths()).toEqual(["token/", "send/", "chats/"]);
    expect(asked[0]?.body).toEqual({ channel_id: "7", name: "Zoë" });
    for (const { credentials, headers } of asked) {
      expect(credentials).toBe("omit");
      expect(headers.has("X-CSRFToken")).toBe(false);
    }
    expect(asked[1]?.headers.get("Authorization")).toBe("Bearer token 1");
  });

  test("is one guest, however much is sent at once", async () => {
    const api = embedded();
    await Promise.all([api.sendMessage("one"), api.sendMessage("two"), api.markTyping("webchat_1")]);
    expect(paths().filter((path) => path === "token/")).toHaveLength(1);
  });

  test("is known again on the next page, of the same chat and channel only", async () => {
    await embedded().sendMessage("hello");
    asked = [];
    await embedded().getChats();
    expect(asked.map(({ headers }) => headers.get("Authorization"))).toEqual(["Bearer token 1"]);
    expect(new WebChatAPI(BASE, { channelId: 8 }).isNobody).toBe(true);
    expect(new WebChatAPI("https://other.example/unicom/webchat", { channelId: 7 }).isNobody).toBe(true);
  });

  test("is known as long as the page where storage is forbidden", async () => {
    vi.spyOn(Storage.prototype, "getItem").mockImplementation(() => {
      throw new DOMException("forbidden", "SecurityError");
    });
    vi.spyOn(Storage.prototype, "setItem").mockImplementation(() => {
      throw new DOMException("forbidden", "SecurityError");
    });
    const api = embedded();
    await api.sendMessage("hello");
    await api.getChats();
    expect(paths()).toEqual(["token/", "send/", "chats/"]);
    expect(embedded().isNobody).toBe(true);
  });

  test("has the token fetched anew in the second half of its time, with the old one as proof", async () => {
    const api = embedded();
    await api.sendMessage("hello");
    vi.setSystemTime(Date.now() + 14 * DAY_MS);
    await api.getChats();
    expect(given).toBe(1);
    vi.setSystemTime(Date.now() + 2 * DAY_MS);
    await api.getChats();
    expect(asked.at(-2)?.body).toEqual({ channel_id: "7", token: "token 1" });
    expect(asked.at(-1)?.headers.get("Authorization")).toBe("Bearer token 2");
  });

  test("goes on with the old one where a new one cannot be had", async () => {
    const api = embedded();
    await api.sendMessage("hello");
    vi.setSystemTime(Date.now() + 20 * DAY_MS);
    refusal = 503;
    await api.getChats();
    expect(asked.at(-1)?.headers.get("Authorization")).toBe("Bearer token 1");
  });

  test("whose token is refused writes as another, and reads nothing", async () => {
    const api = embedded();
    await api.sendMessage("hello");
    taken.clear();
    await api.sendMessage("again");
    expect(paths().slice(2)).toEqual(["send/", "token/", "send/"]);
    taken.clear();
    await expect(api.getChats()).rejects.toMatchObject({ status: 401 });
    expect(api.isNobody).toBe(true);
    expect(localStorage.length).toBe(0);
  });

  test("what somebody else has put in the storage is no token", async () => {
    await embedded().sendMessage("hello");
    const place = localStorage.key(0)!;
    for (const value of ["{", "null", "5", "[]", '{"token": 5}', '"x"']) {
      localStorage.setItem(place, value);
      expect(embedded().isNobody).toBe(true);
    }
  });
});

describe("somebody the page's site vouches for", () => {
  test("is known from the start", async () => {
    await embedded(ann).getChats();
    expect(paths()).toEqual(["token/", "chats/"]);
    expect(asked[0]?.body).toEqual({ channel_id: "7", identifier: "ann", identifier_hash: "abc" });
  });

  test("brings the guest they were, once", async () => {
    await embedded().sendMessage("as a guest");
    asked = [];
    const api = embedded(ann);
    await api.getChats();
    expect(asked[0]?.body).toMatchObject({ token: "token 1", identifier: "ann" });
    await embedded(ann).getChats();
    expect(paths()).toEqual(["token/", "chats/", "chats/"]);
  });

  test("leaves nothing to whoever comes next", async () => {
    await embedded(ann).getChats();
    expect(embedded().isNobody).toBe(true);
    expect(localStorage.length).toBe(0);
    await embedded(ann).getChats();
    asked = [];
    await embedded({ identifier: "bob", identifierHash: "def" }).getChats();
    expect(asked[0]?.body).toEqual({ channel_id: "7", identifier: "bob", identifier_hash: "def" });
  });

  test("is proven again when the token is refused", async () => {
    const api = embedded(ann);
    await api.getChats();
    taken.clear();
    expect((await api.getChats()).chats).toEqual([]);
    expect(paths()).toEqual(["token/", "chats/", "chats/", "token/", "chats/"]);
  });

  test("with a wrong proof is told so, and the server is not asked again and again", async () => {
    refusal = 403;
    const api = embedded(ann);
    for (let n = 0; n < 5; n++) await expect(api.getChats()).rejects.toMatchObject({ status: 403, message: "No." });
    expect(paths()).toEqual(["token/"]);
  });

  test("an identifier without its hash proves nothing, and is a guest", () => {
    expect(embedded({ identifier: "ann" }).isNobody).toBe(true);
  });
});

describe("a page of the chat's own site", () => {
  test("goes by cookies, unless it says otherwise", async () => {
    const own = new URL("/unicom/webchat", location.href).href;
    expect(new WebChatAPI("/unicom/webchat").pass).toBeNull();
    expect(new WebChatAPI(own).pass).toBeNull();
    expect(new WebChatAPI(own, { embed: true }).pass).not.toBeNull();
  });
});

describe("sockets", () => {
  let client: RealTimeWebChatClient;

  async function connected(more: object = {}): Promise<void> {
    client = new RealTimeWebChatClient(BASE, { channelId: 7, autoRefresh: 5, ...more });
    let isSettled = false;
    void client.connect().then(() => {
      isSettled = true;
    });
    // The answer's body arrives by itself, at no time of the clock that is faked.
    while (!isSettled) await vi.advanceTimersByTimeAsync(10);
  }

  afterEach(() => client.disconnect());

  test("say who it is in the first frame, and not in the address", async () => {
    await connected(ann);
    const [me] = TokenSocket.all;
    expect(me?.url).toBe("wss://chat.example/ws/unicom/webchat/_me/?channel_id=7&auth=token");
    expect(me?.sent[0]).toEqual({ action: "authenticate", token: "token 1" });
    expect(client.isConnected()).toBe(true);
    expect(client.connectionType).toBe("websocket");
  });

  test("wait for the first message of somebody who is nobody yet", async () => {
    await connected();
    await vi.advanceTimersByTimeAsync(60_000);
    expect([TokenSocket.all, asked, client.isConnected()]).toEqual([[], [], true]);
    await client.sendMessage("hello");
    await client.subscribeToChat("webchat_1");
    await vi.advanceTimersByTimeAsync(50);
    expect(TokenSocket.all.map(({ sent }) => sent[0])).toEqual([
      { action: "authenticate", token: "token 1" },
      { action: "authenticate", token: "token 1" },
    ]);
  });

  test("come back with another token where the server took one for none", async () => {
    await connected(ann);
    taken.clear();
    TokenSocket.all[0]?.onclose?.({ code: 4401 });
    await vi.advanceTimersByTimeAsync(3_000);
    expect(TokenSocket.all.at(-1)?.sent[0]).toEqual({ action: "authenticate", token: "token 2" });
    expect(client.connectionType).toBe("websocket");
  });

  test("are not tried again and again with a wrong proof", async () => {
    refusal = 403;
    await connected({ ...ann, autoRefresh: 0 });
    await vi.advanceTimersByTimeAsync(120_000);
    expect([TokenSocket.all, paths()]).toEqual([[], ["token/"]]);
  });

  test("come back once the network does, though it was gone when the token was fetched", async () => {
    isGone = true;
    await connected({ ...ann, autoRefresh: 0 });
    expect(TokenSocket.all).toEqual([]);
    isGone = false;
    await vi.advanceTimersByTimeAsync(40_000);
    expect(TokenSocket.all[0]?.sent[0]).toEqual({ action: "authenticate", token: "token 1" });
  });

  test("are forgotten when they are stopped while the token is on its way", async () => {
    client = new RealTimeWebChatClient(BASE, { channelId: 7, ...ann });
    void client.connect();
    client.disconnect();
    await vi.advanceTimersByTimeAsync(60_000);
    expect(TokenSocket.all).toEqual([]);
  });
});

test("what a text names by a path is on the chat's own site, and so are its pictures", () => {
  const html =
    '<p><img src="/media/a.png"><a href="/help">help</a><img src="https://evil.example/a.png"><img src="' +
    `${location.origin}/b.png"></p>`;
  const fragment = safeFragment(html, BASE);
  expect([...fragment.querySelectorAll("img")].map(({ src }) => src)).toEqual(["https://chat.example/media/a.png"]);
  expect([...fragment.querySelectorAll("a")].map(({ href }) => href)).toEqual([
    "https://chat.example/help",
    "https://evil.example/a.png",
    `${location.origin}/b.png`,
  ]);
});
