// Who a visitor is on a page of another site than the chat's, where no cookie of the chat's reaches: a token.
// It goes in a header or in a socket's first frame, never in an address, which would stand in logs.

import { ApiError, answerOf } from "./answer.js";

const KEPT = "unicom-webchat-pass";
const FETCH_MS = 20_000;

/** What a page knows of its visitor, and how its site vouches for that. */
export interface Identity {
  identifier: string;
  /** The site's HMAC-SHA256 of the identifier, in hexadecimal, made on its server. */
  identifierHash: string;
}

/** Settings of a Pass. */
export interface PassOptions {
  base: string;
  channelId: string;
  identity: Identity | null;
  /** What the visitor is to be called. */
  name: string;
}

interface Kept {
  token: string;
  /** Whose it is; empty for a guest. */
  identifier: string;
  /** As milliseconds: from the first on a guest's is fetched anew, after the second it is worth nothing. */
  renew: number;
  ends: number;
}

/** Keep a visitor's token: fetched when it is first needed, shared by the site's tabs, fetched anew in time. */
export class Pass {
  private readonly place: string;
  private inMemory: Kept | null = null;
  private fetching: Promise<string> | null = null;
  /** What the server said to a page or a proof that is wrong: asked again, it would say the same. */
  private refusal: ApiError | null = null;

  constructor(private readonly options: PassOptions) {
    this.place = `${KEPT} ${options.base} ${options.channelId}`;
  }

  /** Whether the server can know who this is, without a guest being made. */
  get isKnown(): boolean {
    return this.options.identity !== null || this.kept() !== null;
  }

  /** Give a token; a stranger becomes a guest. Rejects with an ApiError. */
  async token(): Promise<string> {
    if (this.refusal) throw this.refusal;
    const kept = this.kept();
    if (kept && this.isOurs(kept) && Date.now() < kept.renew) return kept.token;
    // Two that need it at once must not become two guests.
    this.fetching ??= this.fetch(kept).finally(() => {
      this.fetching = null;
    });
    try {
      return await this.fetching;
    } catch (error) {
      const isTemporary = error instanceof ApiError && error.isTemporary;
      if (isTemporary && kept && this.isOurs(kept)) return kept.token; // it still counts
      if (error instanceof ApiError && !isTemporary) this.refusal = error;
      throw error;
    }
  }

  /** The server refused a token: it is forgotten, unless there is another already. */
  forget(token: string): void {
    if (this.kept()?.token === token) this.keep(null);
  }

  private async fetch(kept: Kept | null): Promise<string> {
    const { base, channelId, identity, name } = this.options;
    const body: Record<string, string> = {};
    if (channelId) body.channel_id = channelId;
    if (name) body.name = name;
    // A guest who is now known brings both proofs, and keeps the chats.
    if (kept && !kept.identifier) body.token = kept.token;
    if (identity) Object.assign(body, { identifier: identity.identifier, identifier_hash: identity.identifierHash });
    let response: Response;
    let text: string;
    try {
      response = await fetch(`${base}/token/`, {
        method: "POST",
        credentials: "omit",
        cache: "no-store",
        headers: { Accept: "application/json", "Content-Type": "application/json" },
        body: JSON.stringify(body),
        signal: AbortSignal.timeout(FETCH_MS),
      });
      text = await response.text();
    } catch {
      throw new ApiError("", 0);
    }
    const answer = answerOf<{ token: string; expires_at: string }>(
      response.status,
      text,
      response.headers.get("Retry-After"),
    );
    const ends = Date.parse(answer.expires_at);
    const renew = Date.now() + (ends - Date.now()) / 2;
    this.keep({ token: answer.token, identifier: identity?.identifier ?? "", renew, ends });
    return answer.token;
  }

  private isOurs(kept: Kept): boolean {
    return kept.identifier === (this.options.identity?.identifier ?? "");
  }

  /** What is kept and may be of use: this visitor's token, or that of the guest they were. */
  private kept(): Kept | null {
    const kept = this.stored() ?? this.inMemory;
    if (!kept) return null;
    // Whoever was known here before has left, or it is somebody else: their chats are not for the next one.
    if (kept.ends <= Date.now() || (kept.identifier && !this.isOurs(kept))) {
      this.keep(null);
      return null;
    }
    return kept;
  }

  private stored(): Kept | null {
    try {
      const kept: unknown = JSON.parse(localStorage.getItem(this.place) ?? "null");
      return isKept(kept) ? kept : null;
    } catch {
      return null; // storage is forbidden, or somebody else has written there
    }
  }

  private keep(kept: Kept | null): void {
    this.inMemory = kept;
    try {
      if (kept) localStorage.setItem(this.place, JSON.stringify(kept));
      else localStorage.removeItem(this.place);
    } catch {
      // Storage is full or forbidden: then it lasts as long as the page.
    }
  }
}

function isKept(value: unknown): value is Kept {
  const { token, identifier, renew, ends } = (value ?? {}) as Record<string, unknown>;
  return (
    typeof token === "string" && typeof identifier === "string" && typeof renew === "number" && typeof ends === "number"
  );
}
