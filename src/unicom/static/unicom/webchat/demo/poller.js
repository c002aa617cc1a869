// Calls a function again and again: quickly while the page is looked at, slowly while it is hidden or failing.

import { ApiError } from "./api.js";

const VISIBLE_SECONDS = 2;
const HIDDEN_SECONDS = 5;
const LONGEST_SECONDS = 30;

export class Poller {
  /**
   * @param {(count: number) => Promise<void>} tick throws an ApiError where the server could not be asked
   * @param {(healthy: boolean) => void} onHealth
   */
  constructor(tick, onHealth) {
    this.tick = tick;
    this.onHealth = onHealth;
    this.count = 0;
    this.failures = 0;
    this.running = false;
    this.again = false;
    /** @type {ReturnType<typeof setTimeout> | undefined} */
    this.timer = undefined;
    document.addEventListener("visibilitychange", () => {
      if (!document.hidden) this.kick();
    });
    addEventListener("online", () => this.kick());
  }

  /** Poll now, or right after the poll under way. */
  kick() {
    if (this.running) this.again = true;
    else void this.#run();
  }

  async #run() {
    clearTimeout(this.timer);
    this.running = true;
    this.again = false;
    try {
      await this.tick(this.count++);
      this.failures = 0;
    } catch (error) {
      this.failures += 1;
      if (!(error instanceof ApiError)) reportError(error);
    }
    this.running = false;
    this.onHealth(this.failures === 0);
    this.timer = setTimeout(() => void this.#run(), this.again ? 0 : this.#delay() * 1000);
  }

  #delay() {
    const normal = document.hidden ? HIDDEN_SECONDS : VISIBLE_SECONDS;
    if (this.failures === 0) return normal;
    // A little by chance, so that all open pages do not come back in the same instant.
    return Math.min(LONGEST_SECONDS, normal * 2 ** this.failures) * (0.8 + Math.random() * 0.4);
  }
}
