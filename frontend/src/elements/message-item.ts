// One message: its text, code, media, buttons, and what can be done with it.

import { html, LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { property, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { announce } from "../announcing.js";
import type { Pending } from "../conversation.js";
import { highlighted } from "../highlight.js";
import { icon } from "../icons.js";
import { Language } from "../language.js";
import { type Block, blocksOf } from "../markdown.js";
import { safeFragment, safeUrl } from "../safe-html.js";
import { messageStyles } from "../styles/message.js";
import { proseStyles } from "../styles/prose.js";
import { base } from "../styles/tokens.js";
import type { ActionButton, Message } from "../wire.js";

const COPIED_MS = 2_000;
const LINK = /\bhttps?:\/\/[^\s<>"']+[^\s<>"'.,;:!?)\]}]/g;

/** Whose a message is: the visitor's, another's, a line between, or nobody's business here. */
export function sideOf(message: Message): "mine" | "theirs" | "note" | null {
  if (message.media_type === "tool_call" || message.media_type === "tool_response") {
    return message.progress_updates_for_user ? "note" : null;
  }
  if (message.is_outgoing === null) return message.text || message.progress_updates_for_user ? "note" : null;
  return message.is_outgoing ? "theirs" : "mine";
}

/**
 * Show one message, or one that is not sent yet.
 *
 * Fires `edit-message` `{messageId, text}`, `branch-navigation` `{messageId}`, and for the elements around it
 * `button-click`, `answer-again`, `retry-message` and `discard-message`.
 */
export class MessageItem extends LitElement {
  static override styles = [base, messageStyles, proseStyles];

  @property({ attribute: false }) message: Message | null = null;
  @property({ attribute: false }) pending: Pending | null = null;
  /** Changes whenever the pending message did, which is the same object all along. */
  @property({ attribute: false }) revision = "";
  @property({ attribute: false }) language = new Language("en");
  /** An address of the chat's own site. */
  @property({ attribute: false }) home = location.href;
  @property({ attribute: false }) versions: string[] = [];
  @property({ type: Boolean }) seen = false;
  @property({ type: Boolean }) latest = false;
  @property({ type: Boolean }) follows = false;
  @state() private editing = false;
  @state() private copied = "";
  @state() private busy = false;
  @state() private broken = false;
  private blocks: Block[] = [];
  private readonly drawn: { markup: string; nodes: Node[] }[] = [];

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (!changed.has("message") || !this.message) return;
    const before = changed.get("message") as Message | null | undefined;
    if (before?.interactive_buttons !== this.message.interactive_buttons) this.busy = false;
    if (before && before.text === this.message.text && before.html === this.message.html) return;
    const { text, html: markup } = this.message;
    if (this.message.is_outgoing === false) this.blocks = [];
    else if (markup) this.blocks = [{ kind: "html", raw: markup, html: markup }];
    else this.blocks = text ? blocksOf(text) : [];
  }

  protected override render(): TemplateResult | typeof nothing {
    if (this.pending) return this.renderPending(this.pending);
    if (!this.message) return nothing;
    const side = sideOf(this.message);
    if (side === null) return nothing;
    return side === "note" ? this.renderNote(this.message) : this.renderMessage(this.message, side === "mine");
  }

  private renderMessage(message: Message, mine: boolean): TemplateResult {
    const say = this.language.say;
    const sender = mine ? say("you") : message.sender_name || say("bot");
    if (this.editing) return this.renderEditor(message);
    const body = [this.renderMedia(message), this.renderText(message, mine)];
    const isEmpty = body.every((part) => part === nothing);
    const bare = message.media_type === "image" && !message.text && !message.html && !this.broken;
    return html`<article class="message ${mine ? "mine" : "theirs"}" aria-label=${sender} dir=${this.language.direction}>
      ${mine || this.follows ? nothing : html`<span class="sender" aria-hidden="true"><bdi>${sender}</bdi></span>`}
      ${
        isEmpty && !message.is_streaming
          ? nothing
          : html`<div class="bubble ${bare ? "bare" : ""}">
            ${body}${message.is_streaming && isEmpty ? html`<span class="caret"></span>` : nothing}
          </div>`
      }
      ${this.renderButtons(message)} ${this.renderFoot(message, mine)}
    </article>`;
  }

  private renderText(message: Message, mine: boolean): TemplateResult | typeof nothing {
    if (mine) return message.text ? html`<p class="plain" dir="auto">${linked(message.text)}</p>` : nothing;
    if (this.blocks.length === 0) return nothing;
    return html`<div class="prose ${message.is_streaming ? "caret" : ""}" dir="auto">${repeat(
      this.blocks,
      (_, index) => index,
      (block, index) =>
        block.kind === "code"
          ? this.renderCode(block)
          : html`<div class="block">${this.nodesOf(block.html, index)}</div>`,
    )}
    </div>`;
  }

  /** The nodes of a block, the same ones as long as it does not change: a growing answer keeps its selection. */
  private nodesOf(markup: string, place: number): Node[] {
    const known = this.drawn[place];
    if (known?.markup === markup) return known.nodes;
    const nodes = [...safeFragment(markup, this.home).childNodes];
    this.drawn[place] = { markup, nodes };
    return nodes;
  }

  private renderCode(block: Extract<Block, { kind: "code" }>): TemplateResult {
    const say = this.language.say;
    const done = this.copied === block.raw;
    return html`<div class="code" dir="ltr">
      <div class="code-head">
        <span>${block.language}</span>
        <button type="button" @click=${() => this.copy(block.code, block.raw)}>
          ${icon(done ? "check" : "copy")}<span>${say(done ? "copied" : "copyCode")}</span>
        </button>
      </div>
      <pre tabindex="0"><code>${highlighted(block.code, block.language)}</code></pre>
    </div>`;
  }

  private renderMedia(message: Message): TemplateResult | typeof nothing {
    const say = this.language.say;
    const url = safeUrl(message.media_url, ["http:", "https:", "blob:"], this.home);
    if (!url) return nothing;
    if (message.media_type === "image" && !this.broken) {
      return html`<a class="picture media" href=${url} target="_blank" rel="noopener" aria-label=${say("openImage")}>
        <img src=${url} alt=${say("image")} loading="lazy" decoding="async"
          @error=${() => {
            this.broken = true;
          }}>
      </a>`;
    }
    if (message.media_type === "audio") {
      return html`<audio class="media" controls preload="metadata" src=${url} aria-label=${say("audio")}></audio>`;
    }
    if (message.media_type === "video") {
      return html`<video class="media" controls preload="metadata" src=${url} aria-label=${say("video")}></video>`;
    }
    return html`<a class="file media" href=${url} target="_blank" rel="noopener">
      ${icon("file")}<bdi>${message.media_name || say("openFile")}</bdi>
    </a>`;
  }

  private renderButtons(message: Message): TemplateResult | typeof nothing {
    const rows = message.interactive_buttons;
    if (!Array.isArray(rows) || rows.length === 0) return nothing;
    return html`<div class="actions">
      ${rows.map((row) => html`<div>${row.map((button) => this.renderButton(button))}</div>`)}
    </div>`;
  }

  private renderButton(button: ActionButton): TemplateResult {
    const url = button.type === "url" && !button.disabled ? safeUrl(button.url) : null;
    if (url) {
      return html`<a class="action" data-style=${button.style ?? ""} href=${url} target="_blank" rel="noopener">
        ${button.text}${icon("out")}<span class="hidden-text">(${this.language.say("opensNewTab")})</span>
      </a>`;
    }
    const usable = button.type === "callback" && Boolean(button.callback_execution_id) && !button.disabled;
    return html`<button class="action" type="button" data-style=${button.style ?? ""} ?disabled=${!usable || this.busy}
      @click=${() => this.press(button)}>${button.text}</button>`;
  }

  private renderNote(message: Message): TemplateResult {
    const text = message.progress_updates_for_user || message.text || "";
    const status = (message.result_status ?? "").toLowerCase();
    const failed = status.includes("error") || status.includes("fail");
    const running = ["pending", "in_progress", "running"].includes(status);
    const said = this.language.say(failed ? "failed" : running ? "working" : "done");
    return html`<p class="note ${failed ? "failed" : running ? "running" : "done"}" dir="auto">
      ${status ? (running ? html`<span class="spinner"></span>` : icon(failed ? "alert" : "check")) : nothing}
      ${status ? html`<span class="hidden-text">${said}:</span>` : nothing}
      <span>${text}</span>
    </p>`;
  }

  private renderFoot(message: Message, mine: boolean): TemplateResult {
    const { say } = this.language;
    const text = message.text ?? "";
    const done = this.copied === message.id;
    return html`<div class="foot">
      <time datetime=${message.timestamp} title=${this.language.fullTimeOf(message.timestamp)}
        >${this.language.timeOf(message.timestamp)}</time>
      ${message.edited_at ? html`<span class="mark">${say("edited")}</span>` : nothing}
      ${this.seen ? html`<span class="mark">${icon("check")}${say("seen")}</span>` : nothing}
      ${this.versions.length > 1 ? this.renderVersions(message) : nothing}
      ${
        message.is_streaming
          ? nothing
          : html`<span class="tools ${this.latest && !mine ? "shown" : ""}">
            ${text ? this.renderTool(done ? "check" : "copy", say(done ? "copied" : "copyMessage"), () => this.copy(text, message.id)) : nothing}
            ${mine && text && message.media_type === "text" ? this.renderTool("pencil", say("editMessage"), () => this.edit()) : nothing}
            ${!mine && this.latest ? this.renderTool("again", say("again"), () => this.fire("answer-again", { messageId: message.id })) : nothing}
          </span>`
      }
    </div>`;
  }

  private renderTool(name: Parameters<typeof icon>[0], label: string, run: () => void): TemplateResult {
    return html`<button class="icon-button small" type="button" aria-label=${label} title=${label} @click=${run}>
      ${icon(name)}
    </button>`;
  }

  private renderVersions(message: Message): TemplateResult {
    const { say } = this.language;
    const place = this.versions.indexOf(message.id);
    const to = (index: number) => () => this.fire("branch-navigation", { messageId: this.versions[index] });
    return html`<span class="versions" role="group"
      aria-label=${say("version", { number: place + 1, count: this.versions.length })}>
      <button class="icon-button small flip" type="button" ?disabled=${place === 0}
        aria-label=${say("previousVersion")} @click=${to(place - 1)}>${icon("left")}</button>
      <span aria-hidden="true">${place + 1}/${this.versions.length}</span>
      <button class="icon-button small flip" type="button" ?disabled=${place === this.versions.length - 1}
        aria-label=${say("nextVersion")} @click=${to(place + 1)}>${icon("right")}</button>
    </span>`;
  }

  private renderEditor(message: Message): TemplateResult {
    const { say } = this.language;
    const send = () => {
      const text = this.renderRoot.querySelector("textarea")?.value.trim() ?? "";
      this.editing = false;
      if (text && text !== message.text) this.fire("edit-message", { messageId: message.id, text });
    };
    const onKey = (event: KeyboardEvent) => {
      if (event.key === "Escape") this.editing = false;
      if (event.key === "Enter" && !event.shiftKey && !event.isComposing) {
        event.preventDefault();
        send();
      }
    };
    return html`<div class="message mine" dir=${this.language.direction}>
      <div class="editor" @keydown=${onKey}>
        <textarea dir="auto" aria-label=${say("editMessage")} .value=${message.text ?? ""}></textarea>
        <div class="editor-row">
          <span class="hint">${say("editHint")}</span>
          <button class="button" type="button" @click=${() => {
            this.editing = false;
          }}>${say("cancel")}</button>
          <button class="button primary" type="button" @click=${send}>${say("send")}</button>
        </div>
      </div>
    </div>`;
  }

  private renderPending(item: Pending): TemplateResult {
    const { say } = this.language;
    const failed = item.state === "failed";
    const state = failed ? "notSent" : item.state === "waiting" && !navigator.onLine ? "waiting" : "sending";
    return html`<article class="message mine ${failed ? "failed" : "pending"}" aria-label=${say("you")}
      dir=${this.language.direction}>
      <div class="bubble">
        ${item.file ? html`<span class="file media">${icon("file")}<bdi>${item.file.name}</bdi></span>` : nothing}
        ${item.text ? html`<p class="plain" dir="auto">${linked(item.text)}</p>` : nothing}
        ${
          item.file && item.state === "sending"
            ? html`<progress class="progress" max="1" .value=${item.progress} aria-label=${say("sending")}></progress>`
            : nothing
        }
      </div>
      <div class="foot" role=${failed ? "alert" : nothing}>
        <span class=${failed ? "error" : ""}>${say(state)}${failed && item.error ? `: ${item.error}` : ""}</span>
        ${
          failed
            ? html`<span class="choices"><button class="text-button" type="button" @click=${() => this.fire("retry-message", item)}>${say("retry")}</button>
              <button class="text-button" type="button" @click=${() => this.fire("discard-message", item)}>${say("discard")}</button></span>`
            : nothing
        }
      </div>
    </article>`;
  }

  private async edit(): Promise<void> {
    this.editing = true;
    await this.updateComplete;
    const box = this.renderRoot.querySelector("textarea");
    box?.focus();
    box?.setSelectionRange(box.value.length, box.value.length);
  }

  private press(button: ActionButton): void {
    this.busy = true;
    const settled = () => {
      this.busy = false;
    };
    this.fire("button-click", { button, settled });
  }

  private async copy(text: string, what: string): Promise<void> {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      return; // forbidden by the page, or no secure context: the text can still be selected
    }
    this.copied = what;
    announce(this, this.language.say("copied"));
    setTimeout(() => {
      if (this.copied === what) this.copied = "";
    }, COPIED_MS);
  }

  private fire(name: string, detail: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true }));
  }
}

/** Text with its addresses as links. */
function linked(text: string): unknown[] {
  const parts: unknown[] = [];
  let end = 0;
  for (const found of text.matchAll(LINK)) {
    const url = safeUrl(found[0]);
    if (!url) continue;
    parts.push(text.slice(end, found.index));
    parts.push(html`<a href=${url} target="_blank" rel="noopener noreferrer nofollow">${found[0]}</a>`);
    end = found.index + found[0].length;
  }
  parts.push(text.slice(end));
  return parts;
}
