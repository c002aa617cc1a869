// Asks the server now and then, where no socket tells.

/** What is asked, and when it is not. */
export interface PollingEnds {
  /** Seconds between two polls; 0 where there are none. */
  every: number;
  /** Whether there is anybody to ask for, and no socket. */
  isWanted(): boolean;
  ask(): Promise<unknown>;
  /** It is known again how it is connected. */
  onAsked(): void;
  onError(error: Error): void;
}

/** Ask again and again, less often while nobody looks and while the server is in trouble. */
export class Polling {
  private timer: ReturnType<typeof setTimeout> | undefined;
  private failures = 0;

  constructor(private readonly ends: PollingEnds) {}

  /** Whether the server could not be asked, the last time. */
  get hasFailed(): boolean {
    return this.failures > 0;
  }

  /** Whether it polls at all. */
  get isOn(): boolean {
    return this.ends.every > 0;
  }

  /** Ask next in so many seconds; as often as usual without. */
  schedule(seconds = this.ends.every): void {
    this.stop();
    if (!this.isOn || !this.ends.isWanted()) {
      this.ends.onAsked();
      return;
    }
    const wait = seconds * (document.hidden ? 4 : 1) * Math.min(8, 2 ** this.failures);
    this.timer = setTimeout(() => void this.poll(), wait * 1000);
  }

  /** Ask no more, until it is scheduled. */
  stop(): void {
    clearTimeout(this.timer);
  }

  private async poll(): Promise<void> {
    if (!this.ends.isWanted()) return;
    try {
      await this.ends.ask();
      this.failures = 0;
    } catch (error) {
      this.failures += 1;
      this.ends.onError(error as Error);
    }
    if (!this.ends.isWanted()) return;
    this.ends.onAsked();
    this.schedule();
  }
}
