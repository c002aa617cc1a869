// Many conversations on a page: <unicom-chat-with-sidebar>.

import { nothing, type TemplateResult } from "lit";
import { state } from "lit/decorators.js";
import { html } from "lit/static-html.js";
import { icon } from "../icons.js";
import { define } from "../registry.js";
import type { Chat } from "../wire.js";
import { ChatList } from "./chat-list.js";
import { UnicomChat } from "./unicom-chat.js";

/** As in the style sheets. */
const NARROW_PX = 720;
const chatList = define("chat-list", ChatList);

/**
 * Show the visitor's chats, and one of them.
 *
 * Attributes, slots and events are those of `<unicom-chat>`; further events: `chat-selected`, `new-chat` and
 * `delete-chat`, each of which can be prevented.
 */
export class UnicomChatWithSidebar extends UnicomChat {
  @state() private open = false;
  /** Beside the conversation, there is nothing to open. */
  private readonly widths = new ResizeObserver(() => {
    if (this.clientWidth > NARROW_PX) this.open = false;
  });

  protected override get hasList(): boolean {
    return true;
  }

  protected override get isCovered(): boolean {
    return this.open;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.widths.observe(this);
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.widths.disconnect();
  }

  protected override renderContents(): TemplateResult {
    const { session } = this;
    const { list } = session;
    const { say } = this.language;
    const { id } = session.current;
    const title = id ? session.list.names.get(id) || this.heading || say("chatWindow") : say("newChat");
    return html`<div class="split ${this.open ? "open" : ""}" @keydown=${this.onKey}>
      <${chatList} class="side" .chats=${list.chats} .revision=${this.revision}
        .selected=${session.current.id} .language=${this.language} .loaded=${list.isLoaded} .more=${list.hasMore}
        .archived=${list.archived} .heading=${this.heading} .results=${list.results}
        @chat-selected=${this.onSelect} @new-chat=${this.onNew} @delete-chat=${this.onDelete} @close-list=${this.close}
        @rename-chat=${(event: CustomEvent<{ chat: Chat; title: string }>) =>
          void list.rename(event.detail.chat, event.detail.title)}
        @archive-chat=${(event: CustomEvent<Chat>) => void list.archive(event.detail, !list.archived)}
        @search-chats=${(event: CustomEvent<string>) => list.searchFor(event.detail)}
        @more-chats=${() => void list.loadMore()}
        @show-archived=${(event: CustomEvent<boolean>) => list.showArchived(event.detail)}></${chatList}>
      <div class="veil" @click=${this.close}></div>
      ${this.renderPane(
        title,
        html`<button class="icon-button narrow-only opener" type="button" aria-expanded=${this.open} aria-label=${say("openList")}
          @click=${this.show}>${icon("menu")}${this.hasNews ? html`<i class="dot"></i>` : nothing}</button>`,
        html`<button class="icon-button narrow-only" type="button" aria-label=${say("newChat")} title=${say("newChat")}
          @click=${this.askForNew}>${icon("compose")}</button>`,
      )}
    </div>` as TemplateResult;
  }

  protected override chatMade(chatId: string): void {
    this.dispatchEvent(new CustomEvent("chat-selected", { detail: { chatId }, bubbles: true, composed: true }));
  }

  private get hasNews(): boolean {
    const { list, current } = this.session;
    return list.chats.some(({ id, unread_count }) => Boolean(unread_count) && id !== current.id);
  }

  private readonly show = async (): Promise<void> => {
    this.open = true;
    await this.updateComplete;
    this.renderRoot.querySelector<ChatList>(".side")?.shadowRoot?.querySelector<HTMLElement>(".close")?.focus();
  };

  private readonly close = (): void => {
    if (!this.open) return;
    this.open = false;
    void this.updateComplete.then(() => this.renderRoot.querySelector<HTMLElement>(".opener")?.focus());
  };

  private readonly onKey = (event: KeyboardEvent): void => {
    if (event.key === "Escape" && this.open) this.close();
  };

  private readonly onSelect = (event: CustomEvent<{ chatId: string; messageId?: string }>): void =>
    this.unlessPrevented(event, () => void this.go(event.detail.chatId, event.detail.messageId));

  private async go(chatId: string, messageId?: string): Promise<void> {
    await this.openChat(chatId);
    if (messageId && (await this.session.reach(messageId))) {
      await this.updateComplete;
      this.list.showMessage(messageId);
    }
  }

  private readonly onNew = (event: Event): void => this.unlessPrevented(event, () => void this.openChat(null));

  private readonly onDelete = (event: CustomEvent<{ chat: Chat }>): void =>
    this.unlessPrevented(event, () => this.session.list.delete(event.detail.chat));

  private readonly askForNew = (): void => {
    const event = new CustomEvent("new-chat", { bubbles: true, composed: true, cancelable: true });
    if (this.dispatchEvent(event)) void this.openChat(null);
  };

  /** Act after the page's own listeners, which may prevent it. */
  private unlessPrevented(event: Event, act: () => void): void {
    queueMicrotask(() => {
      if (event.defaultPrevented) return;
      act();
      this.open = false;
    });
  }
}
