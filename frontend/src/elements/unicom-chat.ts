// One conversation on a page: <unicom-chat>.

import { LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { property, query, state } from "lit/decorators.js";
import { html } from "lit/static-html.js";
import type { Pending } from "../conversation.js";
import { icon } from "../icons.js";
import type { Language } from "../language.js";
import { languageOf } from "../language.js";
import { define } from "../registry.js";
import { Session } from "../session.js";
import { chatStyles } from "../styles/chat.js";
import { base, tokens } from "../styles/tokens.js";
import type { ActionButton, Filters } from "../wire.js";
import { MessageInput } from "./message-input.js";
import { MessageList } from "./message-list.js";

const messageList = define("message-list", MessageList);
const messageInput = define("message-input", MessageInput);
const ANNOUNCE_MS = 700;

/** A change of these begins anew. */
const CONNECTING = [
  "apiBase",
  "channelId",
  "maxMessages",
  "autoRefresh",
  "disableWebsocket",
  "enableWebsocketOnly",
  "wsBase",
  "csrfToken",
  "embed",
  "identifier",
  "identifierHash",
  "visitorName",
] as const;

/** An attribute that is on when it is there, unless it says "false": `enable-websocket-only="true"`. */
const flag = { fromAttribute: (value: string | null) => value !== null && value !== "false" };
/** An attribute that holds JSON of one kind; what is none counts as empty, with a word in the console. */
const json = <T extends object>(empty: T) => ({
  fromAttribute(value: string | null): T {
    if (!value) return empty;
    try {
      const read: unknown = JSON.parse(value);
      if (read && typeof read === "object" && Array.isArray(read) === Array.isArray(empty)) return read as T;
    } catch {
      // Told below.
    }
    console.error(
      `unicom-chat: a JSON ${Array.isArray(empty) ? "list" : "object"} is needed as attribute, not ${value}`,
    );
    return empty;
  },
});

/**
 * Show one conversation.
 *
 * Attributes: `api-base`, `channel-id`, `chat-id` (the page's `?chat_id=` without), `theme` (`light`, `dark`, `auto`),
 * `max-messages`, `auto-refresh`, `disable-websocket`, `enable-websocket-only`, `filters`, `metadata-defaults`, `lang`,
 * `ws-base`, `csrf-token`, `placeholder`, `embed`, `identifier`, `identifier-hash`, `visitor-name`,
 * `heading`, `height`, `suggestions`. Events, all bubbling and composed: `send-message` (can be
 * prevented), `load-more`, `edit-message`, `branch-navigation`, `voice-recorded`. The slot `empty` replaces what an
 * empty chat shows.
 */
export class UnicomChat extends LitElement {
  static override styles = [base, tokens, chatStyles];

  @property({ attribute: "api-base" }) apiBase = "/unicom/webchat";
  @property({ attribute: "channel-id" }) channelId = "";
  @property({ attribute: "chat-id" }) chatId = "";
  @property({ reflect: true }) theme: "light" | "dark" | "auto" = "light";
  @property({ attribute: "max-messages", type: Number }) maxMessages = 50;
  @property({ attribute: "auto-refresh", type: Number }) autoRefresh = 5;
  @property({ attribute: "disable-websocket", converter: flag }) disableWebsocket = false;
  @property({ attribute: "enable-websocket-only", converter: flag }) enableWebsocketOnly = false;
  @property({ attribute: "filters", converter: json<Filters>({}) }) filters: Filters = {};
  @property({ attribute: "metadata-defaults", converter: json<Record<string, unknown>>({}) })
  metadataDefaults: Record<string, unknown> = {};
  /** What an empty chat offers to say. */
  @property({ attribute: "suggestions", converter: json<string[]>([]) }) suggestions: string[] = [];
  @property({ attribute: "ws-base" }) wsBase = "/ws/unicom/webchat";
  @property({ attribute: "csrf-token" }) csrfToken = "";
  /** Go by a token and not by cookies; by itself where `api-base` is of another origin than the page. */
  @property({ attribute: "embed", converter: flag }) embed = false;
  /** Who the visitor is on the page's site, and the hash its server made of that. */
  @property({ attribute: "identifier" }) identifier = "";
  @property({ attribute: "identifier-hash" }) identifierHash = "";
  @property({ attribute: "visitor-name" }) visitorName = "";
  @property() override lang = "";
  @property() placeholder = "";
  @property() heading = "";
  /** A CSS length; where the page's policy forbids `style`, this does the same. */
  @property() height = "";
  @state() protected revision = 0;
  @state() protected dark = false;
  @state() protected dragging = false;
  @state() private announcement = "";
  @query("[data-list]") protected list!: MessageList;
  @query("[data-input]") protected input!: MessageInput;
  protected language: Language = languageOf(this);
  protected session!: Session;
  private announced = "";
  private announceTimer: ReturnType<typeof setTimeout> | undefined;
  private readonly prefersDark = matchMedia("(prefers-color-scheme: dark)");
  private dragDepth = 0;
  private spoken: string | null = null;

  /** Whether the chats are listed beside the conversation. */
  protected get hasList(): boolean {
    return false;
  }

  /** Whether the list lies over the conversation, which then is out of reach. */
  protected get isCovered(): boolean {
    return false;
  }

  /** The client that talks with the server. */
  get client(): Session["client"] {
    return this.session.client;
  }

  /** Open a chat by its id, or an empty one. */
  openChat(chatId: string | null): Promise<void> {
    this.keepDraft();
    const opened = this.session.open(chatId);
    if (this.input) this.input.value = this.session.current.draft;
    this.input?.focus();
    return opened;
  }

  override connectedCallback(): void {
    super.connectedCallback();
    this.prefersDark.addEventListener("change", this.onScheme);
    this.language = languageOf(this);
    // The attributes of an element that a script made may follow its connection.
    queueMicrotask(() => {
      if (this.isConnected && !this.session) this.begin();
    });
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.prefersDark.removeEventListener("change", this.onScheme);
    this.end();
  }

  private end(): void {
    this.session?.removeEventListener("change", this.onSession);
    this.session?.stop();
    (this.session as Session | undefined) = undefined;
  }

  protected begin(): void {
    this.session = new Session(
      this.apiBase,
      {
        channelId: this.channelId,
        csrfToken: this.csrfToken,
        embed: this.embed,
        identifier: this.identifier,
        identifierHash: this.identifierHash,
        visitorName: this.visitorName,
        autoRefresh: this.autoRefresh,
        maxMessages: Math.min(200, Math.max(1, this.maxMessages || 50)),
        disableWebSocket: this.disableWebsocket && !this.enableWebsocketOnly,
        webSocketOnly: this.enableWebsocketOnly,
        wsBase: this.wsBase,
        filters: this.filters,
        metadataDefaults: this.metadataDefaults,
        hasList: this.hasList,
      },
      this.language.say,
    );
    this.session.addEventListener("change", this.onSession);
    this.session.addEventListener("chat-made", (event) => this.chatMade((event as CustomEvent<string>).detail));
    const named = this.chatId || new URLSearchParams(location.search).get("chat_id");
    void this.session.start(named ?? "");
    this.revision += 1;
  }

  protected chatMade(_chatId: string): void {}

  protected override willUpdate(changed: PropertyValues<this>): void {
    if (changed.has("height") && this.height) this.style.height = this.height;
    if (changed.has("theme")) this.dark = this.theme === "dark" || (this.theme === "auto" && this.prefersDark.matches);
    if (changed.has("lang") && this.hasUpdated) {
      this.language = languageOf(this);
      if (this.session) this.session.say = this.language.say;
    }
    if (!this.hasUpdated || !this.session) return;
    if (CONNECTING.some((name) => changed.has(name))) {
      this.end();
      this.begin();
      return;
    }
    if (changed.has("chatId") && this.chatId !== (this.session.current.id ?? ""))
      void this.openChat(this.chatId || null);
    if (changed.has("filters")) this.session.list.setFilters(this.filters);
  }

  protected override render(): TemplateResult {
    return html`<div class="root ${this.dark ? "dark" : "light"}" dir=${this.language.direction} lang=${this.language.code}
      @unicom-announce=${(event: CustomEvent<string>) => this.announce(event.detail)}>
      ${this.session ? this.renderContents() : nothing}
      <div class="hidden-text" role="status" aria-live="polite">${this.announcement}</div>
    </div>` as TemplateResult;
  }

  protected renderContents(): TemplateResult {
    return this.renderPane(this.heading);
  }

  protected renderPane(title: string, before: unknown = nothing, after: unknown = nothing): TemplateResult {
    const { session, language } = this;
    const { say } = language;
    const hasHead = Boolean(title) || before !== nothing;
    return html`<section class="pane" ?inert=${this.isCovered} aria-label=${title || say("chatWindow")} @dragenter=${this.onDrag} @dragover=${this.onDrag}
      @dragleave=${this.onDragLeave} @drop=${this.onDrop}>
      <header class="head ${hasHead ? "" : "slim"}">
        ${before}
        ${hasHead ? html`<h1><bdi>${title}</bdi></h1>` : nothing}
        ${this.renderConnection()} ${after}
      </header>
      <${messageList} data-list .conversation=${session.current} .revision=${this.revision} .language=${language}
        .home=${session.client.api.home} .typing=${session.typing} @load-more=${this.onLoadMore} @at-end=${() => session.markRead()}
        @reload=${() => void session.load()} @edit-message=${this.onEdit} @branch-navigation=${this.onBranch}
        @answer-again=${(event: CustomEvent<{ messageId: string }>) => void session.answerAgain(event.detail.messageId)}
        @retry-message=${(event: CustomEvent<Pending>) => session.retry(event.detail)}
        @discard-message=${(event: CustomEvent<Pending>) => session.discard(event.detail)}
        @button-click=${this.onPress}>
        <slot name="empty" slot="empty">${this.renderEmpty()}</slot>
      </${messageList}>
      <div class="below">
        ${this.renderNotice()}
        ${session.connection === "offline" ? html`<p class="hint" role="status">${icon("alert")}${say("offlineHint")}</p>` : nothing}
        <${messageInput} data-input .language=${language} .placeholder=${this.placeholder}
          .answering=${this.isAnswering} @send-message=${this.onSend} @writing=${() => session.client.typing()}
          @stop-answer=${() => void session.stopAnswer()}
          @notice=${(event: CustomEvent<string>) => session.tell(event.detail, undefined, "error")}></${messageInput}>
      </div>
      ${this.dragging ? html`<div class="drop" aria-hidden="true">${icon("clip")}<span>${say("dropFiles")}</span></div>` : nothing}
    </section>` as TemplateResult;
  }

  private renderEmpty(): TemplateResult {
    const { say } = this.language;
    return html`<div class="empty">
      <span class="empty-mark">${icon("spark")}</span>
      <h2>${say("welcome")}</h2>
      <p>${say("welcomeHint")}</p>
      ${
        this.suggestions.length
          ? html`<div class="suggestions">
              ${this.suggestions.map((text) => html`<button type="button" @click=${() => this.suggest(text)}>${text}</button>`)}
            </div>`
          : nothing
      }
    </div>` as TemplateResult;
  }

  private renderConnection(): TemplateResult {
    const { connection } = this.session;
    const text = this.language.say(connection, { seconds: this.autoRefresh });
    return html`<p class="connection ${connection}" role="status" title=${text}><i></i><span>${text}</span></p>` as TemplateResult;
  }

  private renderNotice(): TemplateResult | typeof nothing {
    const { notice } = this.session;
    if (!notice) return nothing;
    const { say } = this.language;
    return html`<div class="notice ${notice.kind}" role=${notice.kind === "error" ? "alert" : "status"}>
      <span>${notice.text}</span>
      ${
        notice.action
          ? html`<button class="text" type="button" @click=${() => {
              notice.action?.run();
              this.session.dismiss(notice);
            }}>${notice.action.label}</button>`
          : nothing
      }
      <button class="icon-button small" type="button" aria-label=${say("close")} @click=${() => this.session.dismiss(notice)}>
        ${icon("close")}
      </button>
    </div>` as TemplateResult;
  }

  private get isAnswering(): boolean {
    return Boolean(this.session.current.messages.at(-1)?.is_streaming);
  }

  protected override updated(): void {
    if (this.session) this.announceNews();
  }

  /** Say an answer aloud once it is complete: a growing one would be begun again and again. */
  private announceNews(): void {
    const { current } = this.session;
    const last = current.messages.at(-1);
    if (this.spoken !== current.id) {
      this.spoken = current.id;
      this.announced = last?.id ?? "";
      return;
    }
    if (!current.loaded || !last?.is_outgoing || last.is_streaming || last.id === this.announced) return;
    clearTimeout(this.announceTimer);
    this.announceTimer = setTimeout(() => {
      this.announced = last.id;
      this.announce(`${last.sender_name || this.language.say("bot")}: ${(last.text ?? "").slice(0, 500)}`);
    }, ANNOUNCE_MS);
  }

  private announce(text: string): void {
    // The same words twice are read twice only if something changed between.
    this.announcement = this.announcement === text ? `${text}\u00a0` : text;
  }

  private keepDraft(): void {
    if (this.input) this.session.current.draft = this.input.value;
  }

  private readonly onSession = (): void => {
    this.revision += 1;
  };

  private readonly onScheme = (): void => {
    this.dark = this.theme === "dark" || (this.theme === "auto" && this.prefersDark.matches);
  };

  private readonly onSend = (event: CustomEvent<{ text: string; files: File[] }>): void => {
    const { text, files } = event.detail;
    // After the page's own listeners, which may prevent it.
    queueMicrotask(() => {
      if (!event.defaultPrevented) this.session.send(text, files);
    });
  };

  private suggest(text: string): void {
    this.input.focus();
    const detail = { text, files: [] };
    if (
      this.dispatchEvent(new CustomEvent("send-message", { detail, bubbles: true, composed: true, cancelable: true }))
    ) {
      this.session.send(text);
    }
  }

  private readonly onLoadMore = (): void => void this.session.loadOlder();

  private readonly onEdit = (event: CustomEvent<{ messageId: string; text: string }>): void =>
    void this.session.edit(event.detail.messageId, event.detail.text);

  private readonly onBranch = (event: CustomEvent<{ messageId: string }>): void =>
    this.session.chooseVersion(event.detail.messageId);

  private readonly onPress = (event: CustomEvent<{ button: ActionButton; settled: () => void }>): void =>
    void this.session.click(event.detail.button).finally(event.detail.settled);

  private readonly onDrag = (event: DragEvent): void => {
    if (!event.dataTransfer?.types.includes("Files")) return;
    event.preventDefault();
    if (event.type === "dragenter") this.dragDepth += 1;
    this.dragging = true;
  };

  private readonly onDragLeave = (): void => {
    this.dragDepth -= 1;
    this.dragging = this.dragDepth > 0;
  };

  private readonly onDrop = (event: DragEvent): void => {
    this.dragDepth = 0;
    this.dragging = false;
    if (!event.dataTransfer?.files.length) return; // words that are dropped into the box
    event.preventDefault();
    this.input.add(event.dataTransfer?.files ?? []);
  };
}
