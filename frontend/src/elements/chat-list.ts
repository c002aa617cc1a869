// The visitor's chats: to choose from, search, rename, archive and delete.

import { html, LitElement, nothing, type TemplateResult } from "lit";
import { property, query, state } from "lit/decorators.js";
import { repeat } from "lit/directives/repeat.js";
import { icon } from "../icons.js";
import { Language } from "../language.js";
import { wordsOf } from "../markdown.js";
import { sidebarStyles } from "../styles/sidebar.js";
import { base } from "../styles/tokens.js";
import type { Chat, SearchResult } from "../wire.js";

const SEARCH_MS = 250;

/**
 * List the visitor's chats.
 *
 * Fires `chat-selected` `{chatId, chat}`, `new-chat`, `delete-chat` `{chatId, chat}`, and for the element around it
 * `rename-chat`, `archive-chat`, `search-chats`, `more-chats`, `show-archived` and `close-list`.
 */
export class ChatList extends LitElement {
  static override styles = [base, sidebarStyles];

  @property({ attribute: false }) chats: Chat[] = [];
  @property({ attribute: false }) revision = 0;
  /** Messages that hold what is searched for. */
  @property({ attribute: false }) results: SearchResult[] = [];
  @property({ attribute: false }) selected: string | null = null;
  @property({ attribute: false }) language = new Language("en");
  @property({ type: Boolean }) loaded = false;
  @property({ type: Boolean }) more = false;
  @property({ type: Boolean }) archived = false;
  @property() heading = "";
  @state() private renaming: string | null = null;
  @state() private menuOf: Chat | null = null;
  @state() private search = "";
  @query(".menu") private menu!: HTMLElement;
  private searchTimer: ReturnType<typeof setTimeout> | undefined;
  private opener: HTMLElement | null = null;

  protected override render(): TemplateResult {
    const { say } = this.language;
    return html`<div class="head">
        <h2>${this.heading || say("chats")}</h2>
        <button class="icon-button on-head narrow-only close" type="button" aria-label=${say("closeList")}
          @click=${() => this.fire("close-list")}>${icon("close")}</button>
        <button class="icon-button on-head" type="button" aria-label=${say("newChat")} title=${say("newChat")}
          @click=${() => this.fire("new-chat")}>${icon("compose")}</button>
      </div>
      <div class="search">
        ${icon("search")}
        <input type="search" aria-label=${say("searchChats")} placeholder=${say("searchChats")} dir="auto" .value=${this.search}
          @input=${this.onSearch}>
      </div>
      <nav class="scroller" aria-label=${say(this.archived ? "archived" : "recent")}>
        ${this.archived ? html`<p class="section">${say("archived")}</p>` : nothing}
        <ul>${repeat(
          this.chats,
          ({ id }) => id,
          (chat) => this.renderChat(chat),
        )}</ul>
        ${this.renderResults()}
        ${
          this.chats.length === 0 && this.results.length === 0 && this.loaded
            ? html`<p class="none">${say(this.search.trim() ? "noMatches" : this.archived ? "noArchived" : "noChats")}</p>`
            : nothing
        }
        ${
          this.more
            ? html`<button class="more" type="button" @click=${() => this.fire("more-chats")}>${say("moreChats")}</button>`
            : nothing
        }
      </nav>
      <div class="end">
        <button type="button" aria-pressed=${this.archived} @click=${() => this.fire("show-archived", !this.archived)}>
          ${icon("archive")}<span>${say(this.archived ? "showRecent" : "showArchived")}</span>
        </button>
      </div>
      ${this.renderMenu()}`;
  }

  private renderChat(chat: Chat): TemplateResult {
    const { say } = this.language;
    const title = chat.name || say("newChat");
    if (this.renaming === chat.id) return this.renderRenaming(chat);
    const isSelected = chat.id === this.selected;
    const unread = isSelected ? 0 : (chat.unread_count ?? 0);
    const last = chat.last_message;
    return html`<li class="${isSelected ? "selected" : ""} ${unread ? "news" : ""}">
      <button class="chat" type="button" aria-current=${isSelected ? "true" : nothing} data-chat-id=${chat.id}
        @click=${() => this.fire("chat-selected", { chatId: chat.id, chat })}>
        <span class="line">
          <bdi class="title">${title}</bdi>
          ${last ? html`<time datetime=${last.timestamp}>${this.language.shortOf(last.timestamp)}</time>` : nothing}
        </span>
        <span class="line">
          <bdi class="last">${wordsOf(last?.text?.slice(0, 400) ?? "").slice(0, 120) || (last ? say("attachments") : "")}</bdi>
          ${
            unread
              ? html`<span class="count">${unread > 99 ? "99+" : unread}<span class="hidden-text"> ${say("unread")}</span></span>`
              : nothing
          }
        </span>
      </button>
      <button class="icon-button small options" type="button" aria-haspopup="menu" aria-label=${say("optionsOf", { title })}
        @click=${(event: Event) => this.openMenu(chat, event.currentTarget as HTMLElement)}>${icon("more")}</button>
    </li>`;
  }

  private renderResults(): TemplateResult | typeof nothing {
    if (this.results.length === 0) return nothing;
    const { say } = this.language;
    return html`<p class="section">${say("inMessages")}</p>
      <ul>${this.results.map(
        ({ chat, message }) => html`<li>
          <button class="chat" type="button"
            @click=${() => this.fire("chat-selected", { chatId: chat.id, messageId: message.id })}>
            <span class="line">
              <bdi class="title">${chat.name || say("newChat")}</bdi>
              <time datetime=${message.timestamp}>${this.language.shortOf(message.timestamp)}</time>
            </span>
            <span class="line"><bdi class="last">${around(message.text ?? "", this.search.trim())}</bdi></span>
          </button>
        </li>`,
      )}</ul>`;
  }

  private renderRenaming(chat: Chat): TemplateResult {
    const finish = (event: Event, keep: boolean) => {
      if (this.renaming !== chat.id) return;
      const title = (event.currentTarget as HTMLInputElement).value.trim();
      this.renaming = null;
      if (keep && title && title !== chat.name) this.fire("rename-chat", { chat, title });
    };
    return html`<li>
      <input class="rename" dir="auto" maxlength="255" aria-label=${this.language.say("title")} .value=${chat.name ?? ""}
        @blur=${(event: Event) => finish(event, true)}
        @keydown=${(event: KeyboardEvent) => {
          if (event.isComposing) return;
          if (event.key === "Enter" || event.key === "Escape") {
            event.stopPropagation();
            finish(event, event.key === "Enter");
            void this.updateComplete.then(() => this.focusChat(chat.id));
          }
        }}>
    </li>`;
  }

  private renderMenu(): TemplateResult {
    const { say } = this.language;
    const chat = this.menuOf;
    const item = (name: Parameters<typeof icon>[0], label: string, run: (chat: Chat) => void, kind = "") =>
      html`<button class=${kind} type="button" role="menuitem" tabindex="-1" @click=${() => {
        this.menu.hidePopover();
        if (chat) run(chat);
      }}>${icon(name)}<span>${label}</span></button>`;
    return html`<div class="menu" role="menu" popover="auto" @keydown=${this.onMenuKey} @toggle=${this.onMenuToggle}>
      ${item("pencil", say("rename"), (one) => void this.rename(one))}
      ${item("archive", say(this.archived ? "unarchive" : "archive"), (one) => this.fire("archive-chat", one))}
      ${item("trash", say("delete"), (one) => this.fire("delete-chat", { chatId: one.id, chat: one }), "danger")}
    </div>`;
  }

  private openMenu(chat: Chat, opener: HTMLElement): void {
    this.menuOf = chat;
    this.opener = opener;
    this.menu.showPopover();
    const box = opener.getBoundingClientRect();
    const { offsetWidth: width, offsetHeight: height } = this.menu;
    const rtl = this.language.direction === "rtl";
    const left = rtl ? box.left : box.right - width;
    const top = box.bottom + height + 8 > innerHeight ? box.top - height - 4 : box.bottom + 4;
    this.menu.style.left = `${Math.max(8, Math.min(left, innerWidth - width - 8))}px`;
    this.menu.style.top = `${Math.max(8, top)}px`;
    this.menu.querySelector("button")?.focus();
  }

  private readonly onMenuKey = (event: KeyboardEvent): void => {
    const items = [...this.menu.querySelectorAll("button")];
    const place = items.indexOf(event.target as HTMLButtonElement);
    const next = { ArrowDown: place + 1, ArrowUp: place - 1, Home: 0, End: -1 }[event.key];
    if (next !== undefined) {
      event.preventDefault();
      items.at(next % items.length)?.focus();
    } else if (event.key === "Tab") this.menu.hidePopover();
  };

  private readonly onMenuToggle = (event: ToggleEvent): void => {
    // Back where the keyboard was, unless an item put it elsewhere.
    if (event.newState === "closed" && !this.shadowRoot?.activeElement) this.opener?.focus();
  };

  private async rename(chat: Chat): Promise<void> {
    this.renaming = chat.id;
    await this.updateComplete;
    const box = this.renderRoot.querySelector<HTMLInputElement>(".rename");
    box?.focus();
    box?.select();
  }

  private focusChat(id: string): void {
    this.renderRoot.querySelector<HTMLElement>(`[data-chat-id="${CSS.escape(id)}"]`)?.focus();
  }

  private readonly onSearch = (event: Event): void => {
    this.search = (event.target as HTMLInputElement).value;
    clearTimeout(this.searchTimer);
    this.searchTimer = setTimeout(() => this.fire("search-chats", this.search), SEARCH_MS);
  };

  private fire(name: string, detail?: unknown): void {
    this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable: true }));
  }
}

/** The part of a text that was searched for, marked, with a little before and what follows. */
function around(text: string, wanted: string): unknown {
  const flat = wordsOf(text);
  const at = flat.toLowerCase().indexOf(wanted.toLowerCase());
  if (at < 0 || !wanted) return flat.slice(0, 120);
  const start = Math.max(0, at - 20);
  const end = at + wanted.length;
  return html`${start ? "…" : ""}${flat.slice(start, at)}<mark>${flat.slice(at, end)}</mark>${flat.slice(end, end + 100)}`;
}
