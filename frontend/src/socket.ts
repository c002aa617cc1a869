// One WebSocket that comes back by itself, and knows when it is dead although the browser says it is open.

import { ApiError } from "./answer.js";

const PING_MS = 25_000;
const PONG_MS = 8_000;
const OPEN_MS = 8_000;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;
const NOBODY = 4401;
const NOT_YOURS = 4403;
/** Refusals that the same attempt, repeated, would only meet again: no chat, nobody, not yours. */
const REFUSALS = [4400, NOBODY, NOT_YOURS];

/** A frame of the server. */
export interface Frame {
  type: string;
  [key: string]: unknown;
}

/** Who says in the first frame whose socket it is, where no cookie does. */
export interface Credentials {
  readonly isKnown: boolean;
  token(): Promise<string>;
  /** The server refused a token. */
  forget(token: string): void;
}

/** What a socket tells of itself. */
export interface SocketEvents {
  /** The server is ready; what was missed meanwhile is now to be fetched. */
  onReady(): void;
  onFrame(frame: Frame): void;
  /** The connection is gone; `refused` where it is not tried again. */
  onDown(refused: number | null): void;
}

/** Keep one connection. */
export class LiveSocket {
  private socket: WebSocket | null = null;
  private retries = 0;
  private retryTimer: ReturnType<typeof setTimeout> | undefined;
  private pingTimer: ReturnType<typeof setTimeout> | undefined;
  private deadline: ReturnType<typeof setTimeout> | undefined;
  private stopped = true;
  /** The token of the attempt that is made. */
  private token: string | null = null;
  /** Counts the attempts: of one that was given up nothing counts any more. */
  private attempt = 0;
  private isAsking = false;
  isReady = false;

  constructor(
    private readonly url: string,
    private readonly events: SocketEvents,
    private readonly credentials: Credentials | null = null,
  ) {}

  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    this.open();
  }

  stop(): void {
    this.stopped = true;
    this.drop();
  }

  /** Look at once whether the connection still stands: the machine slept, or the network came back. */
  wake(): void {
    if (this.stopped) return;
    if (this.isReady) this.ping();
    else this.hurry();
  }

  /** Make the next attempt now, where it waits for one. */
  hurry(): void {
    if (this.stopped || this.socket || this.isAsking) return;
    this.retries = 0;
    this.open();
  }

  /** Send a frame, and say whether there was a connection; else it is lost, as what is sent here may be. */
  send(frame: Record<string, unknown>): boolean {
    if (!this.isReady || this.socket?.readyState !== WebSocket.OPEN) return false;
    this.socket.send(JSON.stringify(frame));
    return true;
  }

  private open(): void {
    this.clear();
    this.token = null;
    if (this.credentials) void this.openWith(this.credentials, ++this.attempt);
    else this.connect();
  }

  /** Have the token at hand before the server begins to wait for it. */
  private async openWith(credentials: Credentials, attempt: number): Promise<void> {
    if (!credentials.isKnown) {
      this.lost(NOBODY);
      return;
    }
    this.isAsking = true;
    try {
      this.token = await credentials.token();
    } catch (error) {
      const isRefused = error instanceof ApiError && !error.isTemporary;
      if (attempt === this.attempt) this.lost(isRefused ? NOT_YOURS : 0);
      return;
    } finally {
      if (attempt === this.attempt) this.isAsking = false;
    }
    if (attempt === this.attempt && !this.stopped) this.connect();
  }

  private connect(): void {
    let socket: WebSocket;
    try {
      socket = new WebSocket(this.url);
    } catch {
      // A policy of the page forbids it: that will not change.
      this.stopped = true;
      this.events.onDown(0);
      return;
    }
    this.socket = socket;
    this.deadline = setTimeout(() => this.lost(), OPEN_MS);
    const { token } = this;
    if (token) socket.onopen = () => socket.send(JSON.stringify({ action: "authenticate", token }));
    socket.onmessage = (event) => {
      if (socket === this.socket) this.receive(String(event.data));
    };
    socket.onclose = (event) => {
      if (socket === this.socket) this.lost(event.code);
    };
  }

  private receive(data: string): void {
    let frame: Frame;
    try {
      frame = JSON.parse(data);
    } catch {
      return; // not ours
    }
    if (!this.isReady) {
      // Whatever the first frame is, somebody is there.
      this.isReady = true;
      this.retries = 0;
      clearTimeout(this.deadline);
      this.events.onReady();
    }
    this.expectLife();
    if (frame.type !== "pong") this.events.onFrame(frame);
  }

  private expectLife(): void {
    clearTimeout(this.pingTimer);
    clearTimeout(this.deadline);
    this.pingTimer = setTimeout(() => this.ping(), PING_MS);
  }

  private ping(): void {
    this.send({ action: "ping" });
    clearTimeout(this.deadline);
    this.deadline = setTimeout(() => this.lost(), PONG_MS);
  }

  private lost(code = 0): void {
    const { token } = this;
    this.drop();
    if (this.stopped) return;
    if (code === NOBODY && token && this.credentials) {
      // It has ended, or is nobody's any more: the next attempt, a moment later, is made with another.
      this.credentials.forget(token);
    } else if (REFUSALS.includes(code)) {
      this.stopped = true;
      this.events.onDown(code);
      return;
    }
    const wait = Math.min(LAST_RETRY_MS, FIRST_RETRY_MS * 2 ** this.retries++);
    // A little by chance, so that all pages do not come back in the same instant after a restart.
    this.retryTimer = setTimeout(() => this.open(), wait * (0.75 + Math.random() * 0.5));
    this.events.onDown(null);
  }

  private drop(): void {
    this.isReady = this.isAsking = false;
    this.attempt += 1;
    this.clear();
    this.letGo();
  }

  private letGo(): void {
    const socket = this.socket;
    this.socket = null;
    // To close one that is not open yet is a warning in everybody's console.
    if (socket?.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close();
    else socket?.close();
  }

  private clear(): void {
    clearTimeout(this.retryTimer);
    clearTimeout(this.pingTimer);
    clearTimeout(this.deadline);
  }
}
