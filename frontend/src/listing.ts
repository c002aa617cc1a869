// The list of the visitor's chats: searched, archived, renamed, and deleted with time to think again.

import { ApiError } from "./api.js";
import type { RealTimeWebChatClient } from "./client.js";
import type { Say } from "./language.js";
import type { Chat, Filters, SearchResult } from "./wire.js";

/** How long a deletion can be undone. */
export const UNDO_MS = 6_000;
const PAGE = 50;
const MOST = 200;

/** What a listing tells, and asks. */
export interface ListingEvents {
  say: Say;
  changed(): void;
  /** Say something at the bottom of the chat, with something to do. */
  tell(text: string, action?: { label: string; run: () => void }): void;
  tellError(error: unknown): void;
  onDeleted(chatId: string): void;
}

/** Keep the list as the server has it. */
export class Listing {
  chats: Chat[] = [];
  isLoaded = false;
  hasMore = false;
  archived = false;
  search = "";
  /** Messages that hold what is searched for. */
  results: SearchResult[] = [];
  /** What chats are called, also those that are not listed just now. */
  readonly names = new Map<string, string>();
  private readonly deletions = new Map<string, ReturnType<typeof setTimeout>>();

  constructor(
    private readonly client: RealTimeWebChatClient,
    private filters: Filters,
    private readonly events: ListingEvents,
  ) {
    client.onChatPage = ({ chats, has_more }) => this.take(chats, has_more);
    client.filters = this.asked();
  }

  async load(): Promise<void> {
    try {
      await this.client.refreshChats();
    } catch {
      // The badge tells of a server that cannot be reached; the list stays as it was.
    }
  }

  loadMore(): Promise<void> {
    this.client.chatLimit = Math.min(MOST, this.client.chatLimit + PAGE);
    return this.load();
  }

  showArchived(archived: boolean): void {
    this.archived = archived;
    this.chats = [];
    this.isLoaded = false;
    this.events.changed();
    this.client.setFilters(this.asked());
  }

  searchFor(text: string): void {
    this.search = text;
    this.client.setFilters(this.asked());
    void this.searchMessages(text.trim());
  }

  setFilters(filters: Filters): void {
    this.filters = filters;
    this.client.setFilters(this.asked());
  }

  async rename(chat: Chat, title: string): Promise<void> {
    this.names.set(chat.id, title);
    this.chats = this.chats.map((other) => (other.id === chat.id ? { ...other, name: title } : other));
    await this.change(chat.id, { title });
  }

  async archive(chat: Chat, archived: boolean): Promise<void> {
    const { say, tell } = this.events;
    this.chats = this.chats.filter(({ id }) => id !== chat.id);
    if (archived) {
      tell(say("chatArchived", { title: chat.name ?? "" }), {
        label: say("undo"),
        run: () => void this.archive(chat, false),
      });
    }
    await this.change(chat.id, { is_archived: archived });
  }

  /** Delete a chat: at once for the eye, and for good when the time to undo it is over. */
  delete(chat: Chat): void {
    const { say, tell } = this.events;
    this.deletions.set(
      chat.id,
      setTimeout(() => this.deleteNow(chat.id), UNDO_MS),
    );
    this.chats = this.chats.filter(({ id }) => id !== chat.id);
    this.events.onDeleted(chat.id);
    const run = () => {
      clearTimeout(this.deletions.get(chat.id));
      this.deletions.delete(chat.id);
      void this.load();
    };
    tell(say("chatDeleted", { title: chat.name ?? "" }), { label: say("undo"), run });
  }

  /** Do now what could still be undone: the page is closed. */
  readonly flush = (): void => {
    for (const chatId of this.deletions.keys()) this.deleteNow(chatId);
  };

  private take(chats: Chat[], hasMore: boolean): void {
    for (const { id, name } of chats) if (name) this.names.set(id, name);
    this.chats = chats.filter(({ id }) => !this.deletions.has(id));
    this.hasMore = hasMore && this.client.chatLimit < MOST;
    this.isLoaded = true;
    this.events.changed();
  }

  private asked(): Filters {
    const filters: Filters = { is_archived: this.archived, ...this.filters };
    if (this.search.trim()) filters.name__icontains = this.search.trim();
    return filters;
  }

  private async searchMessages(text: string): Promise<void> {
    let results: SearchResult[] = [];
    try {
      if (text.length > 1) ({ results } = await this.client.api.search(text, { limit: 20 }));
    } catch (error) {
      // Too many searches in a while, say: the titles are found all the same.
      if (!(error instanceof ApiError)) throw error;
    }
    if (text !== this.search.trim()) return;
    this.results = results;
    this.events.changed();
  }

  private async change(chatId: string, changes: { title?: string; is_archived?: boolean }): Promise<void> {
    this.events.changed();
    try {
      await this.client.api.updateChat(chatId, changes);
      this.client.announce();
    } catch (error) {
      this.events.tellError(error);
    }
    await this.load();
  }

  private deleteNow(chatId: string): void {
    clearTimeout(this.deletions.get(chatId));
    this.client.api
      .deleteChat(chatId)
      .then(() => this.client.announce())
      .catch((error) => {
        if (!(error instanceof ApiError && error.status === 404)) this.events.tellError(error);
      })
      .finally(() => {
        this.deletions.delete(chatId);
        void this.load();
      });
  }
}
