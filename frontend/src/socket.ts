// One WebSocket that comes back by itself, and knows when it is dead although the browser says it is open.

const PING_MS = 25_000;
const PONG_MS = 8_000;
const OPEN_MS = 8_000;
const FIRST_RETRY_MS = 500;
const LAST_RETRY_MS = 30_000;
/** Refusals that the same attempt, repeated, would only meet again: no chat, nobody, not yours. */
const REFUSALS = [4400, 4401, 4403];

/** A frame of the server. */
export interface Frame {
  type: string;
  [key: string]: unknown;
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
  isReady = false;

  constructor(
    private readonly url: string,
    private readonly events: SocketEvents,
  ) {}

  start(): void {
    if (!this.stopped) return;
    this.stopped = false;
    this.open();
  }

  stop(): void {
    this.stopped = true;
    this.isReady = false;
    this.clear();
    this.letGo();
  }

  /** Look at once whether the connection still stands: the machine slept, or the network came back. */
  wake(): void {
    if (this.stopped) return;
    if (this.isReady) this.ping();
    else this.hurry();
  }

  /** Make the next attempt now, where it waits for one. */
  hurry(): void {
    if (this.stopped || this.socket) return;
    this.retries = 0;
    this.open();
  }

  /** Send a frame; without a connection it is lost, as what is sent here may be. */
  send(frame: Record<string, unknown>): void {
    if (this.isReady && this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  private open(): void {
    this.clear();
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
    this.drop();
    if (this.stopped) return;
    if (REFUSALS.includes(code)) {
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
    this.isReady = false;
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
