// The messages of one chat, in a column that stays at its end while the reader is there.

import { LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { property, query, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { html } from "lit/static-html.js";
import type { Turn } from "../branches.js";
import type { Conversation } from "../conversation.js";
import { icon } from "../icons.js";
import { Language, sameDay } from "../language.js";
import { define } from "../registry.js";
import { listStyles } from "../styles/list.js";
import { base } from "../styles/tokens.js";
import { MessageItem, sideOf } from "./message-item.js";

const messageItem = define("message-item", MessageItem);

/** So near to the end counts as being there. */
const NEAR_PX = 80;
const FAR_PX = 240;
/** So much above the first message older ones are fetched. */
const AHEAD_PX = 400;
const FOUND_MS = 2_500;
const TOGETHER_MS = 5 * 60_000;

/**
 * Show a conversation.
 *
 * Fires `load-more` when older messages are wanted, and `at-end` when the newest one is seen.
 */
export class MessageList extends LitElement {
  static override styles = [base, listStyles];

  @property({ attribute: false }) conversation: Conversation | null = null;
  /** Grows with every change of the conversation, which is the same object all along. */
  @property({ attribute: false }) revision = 0;
  @property({ attribute: false }) language = new Language("en");
  /** An address of the chat's own site. */
  @property({ attribute: false }) home = location.href;
  @property({ attribute: false }) typing: string | null = null;
  @state() private away = false;
  @state() private news = false;
  @query(".scroller") private scroller!: HTMLElement;
  @query(".column") private column!: HTMLElement;
  private atEnd = true;
  /** The row at the top of what is seen, and how far from the edge: it stays there, whatever is drawn anew above it. */
  private anchor: { row: HTMLElement; top: number } | null = null;
  private lastId = "";
  private shown: Conversation | null = null;
  private readonly sizes = new ResizeObserver(() => this.settle());

  /** Go to the newest message. */
  scrollToEnd(behavior: ScrollBehavior = "auto"): void {
    this.atEnd = true;
    this.news = false;
    this.scroller?.scrollTo({ top: this.scroller.scrollHeight, behavior });
  }

  /** Bring a message into view, and mark it for a moment. */
  showMessage(id: string): void {
    const item = this.renderRoot.querySelector<HTMLElement>(`[data-message-id="${CSS.escape(id)}"]`);
    if (!item) return;
    this.atEnd = false;
    item.scrollIntoView({ block: "center" });
    item.classList.add("found");
    setTimeout(() => item.classList.remove("found"), FOUND_MS);
  }

  override connectedCallback(): void {
    super.connectedCallback();
    if (this.hasUpdated) this.observe();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.sizes.disconnect();
  }

  protected override firstUpdated(): void {
    this.observe();
  }

  protected override willUpdate(): void {
    // What only grows, the browser keeps in place by itself; what is put in above, not at its very top.
    if (this.hasUpdated && !this.atEnd) this.drop();
  }

  protected override updated(_changed: PropertyValues<this>): void {
    const conversation = this.conversation;
    const last = conversation?.pending.at(-1)?.clientMsgId ?? conversation?.messages.at(-1)?.id ?? "";
    if (conversation !== this.shown) {
      // A chat that only got its id is the same chat.
      this.shown = conversation;
      this.scrollToEnd();
    } else if (this.atEnd) {
      this.scrollToEnd();
    } else {
      this.hold();
      if (last !== this.lastId) {
        if (conversation?.pending.length) this.scrollToEnd("smooth");
        else this.news = true;
      }
    }
    this.lastId = last;
    if (this.atEnd && conversation?.loaded) this.fire("at-end");
  }

  protected override render(): TemplateResult {
    const { say } = this.language;
    return html`<div class="scroller" tabindex="0" role="region" aria-label=${say("messages")} @scroll=${this.onScroll}>
        <div class="column">${this.conversation ? this.renderConversation(this.conversation) : nothing}</div>
      </div>
      <button class="jump" type="button" ?hidden=${!this.away} aria-label=${say("jump")}
        @click=${() => this.scrollToEnd("smooth")}>
        ${icon("down")}${this.news ? html`<span>${say("newMessages")}</span>` : nothing}
      </button>` as TemplateResult;
  }

  private renderConversation(conversation: Conversation): TemplateResult {
    const { say } = this.language;
    if (!conversation.loaded && !conversation.failed) return this.renderSkeleton();
    if (conversation.failed) {
      return html`<div class="empty" role="alert">
        <span class="empty-mark">${icon("alert")}</span>
        <p>${say("errorLoad")}</p>
        <button class="quiet" type="button" @click=${() => this.fire("reload")}>${say("retry")}</button>
      </div>` as TemplateResult;
    }
    const turns = conversation.turns().filter(({ message }) => sideOf(message) !== null);
    if (turns.length === 0 && conversation.pending.length === 0) return this.renderEmpty();
    const seen = this.seenPlace(turns, conversation.readUpTo);
    const latest = turns.findLastIndex(({ message }) => sideOf(message) === "theirs");
    const rows = turns.map((turn, index) => ({ turn, index, key: conversation.keyOf(turn.message) }));
    return html`
      ${
        conversation.hasOlder
          ? html`<button class="quiet older" type="button" ?disabled=${conversation.loadingOlder} @click=${() => this.fire("load-more")}>
            ${say(conversation.loadingOlder ? "loading" : "loadOlder")}
          </button>`
          : nothing
      }
      <div class="log" role="log" aria-live="off" aria-label=${say("messages")}>
        ${repeat(
          rows,
          ({ key }) => key,
          ({ turn, index }) => this.renderTurn(turn, turns[index - 1], index === seen, index === latest),
        )}
        ${repeat(
          conversation.pending,
          (item) => item.clientMsgId,
          (item) => html`<${messageItem} class="row" .pending=${item} .language=${this.language}
            .revision=${`${item.state} ${item.progress} ${navigator.onLine}`}></${messageItem}>`,
        )}
      </div>
      ${
        this.typing
          ? html`<div class="typing" role="status">
            <span class="dots" aria-hidden="true"><i></i><i></i><i></i></span>
            <span class="hidden-text">${say("isTyping", { name: this.typing })}</span>
          </div>`
          : nothing
      }
    ` as TemplateResult;
  }

  private renderTurn(turn: Turn, before: Turn | undefined, seen: boolean, latest: boolean): unknown {
    const { message, versions } = turn;
    const earlier = before?.message;
    const newDay = !earlier || !sameDay(earlier.timestamp, message.timestamp);
    const follows =
      !newDay &&
      sideOf(earlier) === sideOf(message) &&
      earlier.sender_name === message.sender_name &&
      Date.parse(message.timestamp) - Date.parse(earlier.timestamp) < TOGETHER_MS;
    return html`${
      newDay
        ? html`<div class="day" role="separator"><span>${this.language.dayOf(message.timestamp)}</span></div>`
        : nothing
    }
      <${messageItem} class="row ${follows ? "follows" : ""}" data-message-id=${message.id} .message=${message}
        .home=${this.home} .versions=${versions} .seen=${seen} .latest=${latest} .follows=${follows} .language=${this.language}
      ></${messageItem}>`;
  }

  private renderEmpty(): TemplateResult {
    const { say } = this.language;
    return html`<slot name="empty">
      <div class="empty">
        <span class="empty-mark">${icon("spark")}</span>
        <h2>${say("welcome")}</h2>
        <p>${say("welcomeHint")}</p>
      </div>
    </slot>` as TemplateResult;
  }

  private renderSkeleton(): TemplateResult {
    return html`<div class="skeleton" role="status">
      <span class="hidden-text">${this.language.say("loading")}</span>
      <i class="end"></i><i class="long"></i><i></i><i class="end"></i><i class="long"></i>
    </div>` as TemplateResult;
  }

  /** The place of the last of the visitor's messages that was read. */
  private seenPlace(turns: Turn[], readUpTo: string | null): number {
    if (!readUpTo) return -1;
    const end = turns.findIndex(({ message }) => message.id === readUpTo);
    return end < 0 ? -1 : turns.slice(0, end + 1).findLastIndex(({ message }) => sideOf(message) === "mine");
  }

  private observe(): void {
    this.sizes.observe(this.column);
    this.sizes.observe(this.scroller);
  }

  /** Something grew: a picture came, an answer got longer, a keyboard opened. */
  private settle(): void {
    if (this.atEnd) this.scrollToEnd();
    else this.onScroll();
  }

  private hold(): void {
    if (!this.anchor?.row.isConnected) return;
    const moved =
      this.anchor.row.getBoundingClientRect().top - this.scroller.getBoundingClientRect().top - this.anchor.top;
    if (Math.abs(moved) >= 1) this.scroller.scrollTop += moved;
  }

  private drop(): void {
    const edge = this.scroller.getBoundingClientRect().top;
    const rows = this.scroller.querySelectorAll<HTMLElement>(".row");
    let [low, high] = [0, rows.length - 1];
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[middle]!.getBoundingClientRect().bottom > edge) high = middle;
      else low = middle + 1;
    }
    const row = rows[low];
    this.anchor = row ? { row, top: row.getBoundingClientRect().top - edge } : null;
  }

  private readonly onScroll = (): void => {
    const { scrollTop, scrollHeight, clientHeight } = this.scroller;
    const left = scrollHeight - clientHeight - scrollTop;
    this.atEnd = left < NEAR_PX;
    this.away = left > FAR_PX;
    if (this.atEnd) {
      this.news = false;
      this.fire("at-end");
    }
    const conversation = this.conversation;
    if (scrollTop < AHEAD_PX && conversation?.hasOlder && !conversation.loadingOlder) this.fire("load-more");
  };

  private fire(name: string): void {
    this.dispatchEvent(new CustomEvent(name, { bubbles: true, composed: true }));
  }
}
