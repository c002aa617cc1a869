// What the server answered: its data, or an error with its sentence.

/** An answer that is no success; its message is the server's sentence, empty where no answer came. */
export class ApiError extends Error {
  /** The HTTP status; 0 where no answer came at all. */
  readonly status: number;
  /** For how many seconds the server asks to be left alone. */
  readonly retryAfter: number;

  constructor(sentence: string, status: number, retryAfter = 0) {
    super(sentence);
    this.name = "ApiError";
    this.status = status;
    this.retryAfter = retryAfter;
  }

  /** Whether the same request may succeed later. */
  get isTemporary(): boolean {
    return this.status === 0 || this.status === 429 || this.status >= 500;
  }
}

/** Give the data of an answer; throws an ApiError where it is no success. */
export function answerOf<T>(status: number, text: string, retryAfter: string | null): T {
  let data: unknown;
  try {
    data = JSON.parse(text);
  } catch {
    // A proxy's page, or nothing.
  }
  if (status >= 200 && status < 300 && data && typeof data === "object") return data as T;
  const sentence = (data as { error?: unknown } | undefined)?.error;
  throw new ApiError(typeof sentence === "string" ? sentence : "", status, Number(retryAfter) || 0);
}
