// The shapes the server and the browser exchange, over REST and sockets alike.

/** A button under a message. */
export interface ActionButton {
  text: string;
  type: "callback" | "url";
  callback_execution_id?: string;
  url?: string;
  style?: string;
  disabled?: boolean;
}

/** A message. */
export interface Message {
  id: string;
  text: string | null;
  html: string | null;
  /** False: from the visitor. True: to the visitor. Null: from the system. */
  is_outgoing: boolean | null;
  sender_name: string | null;
  /** ISO 8601. */
  timestamp: string;
  media_type: string;
  media_url: string | null;
  media_name?: string | null;
  reply_to_message_id: string | null;
  chat_id: string;
  interactive_buttons: ActionButton[][] | null;
  progress_updates_for_user?: string | null;
  result_status?: string | null;
  client_msg_id?: string | null;
  edited_at?: string | null;
  /** The answer is still being written. */
  is_streaming?: boolean;
}

/** A line of the chat list. */
export interface Chat {
  id: string;
  name: string | null;
  platform?: string;
  channel_id?: number;
  is_archived: boolean;
  metadata?: Record<string, unknown>;
  last_message: { text: string | null; timestamp: string } | null;
  unread_count?: number;
}

/** A page of messages, oldest first. */
export interface MessagePage {
  chat_id: string;
  messages: Message[];
  has_more: boolean;
  next_cursor?: string | null;
  branch_mode?: string;
  /** Who is writing, for who polls. */
  typing?: { name: string; is_outgoing: boolean }[];
  /** The visitor's last message on the page that somebody has read. */
  read_up_to?: string | null;
  /** To be given back as `changed_since`. */
  at?: string;
  /** What of the whole chat was changed, and the ids of what was deleted, since the moment that was asked for. */
  changed?: Message[];
  deleted?: string[];
}

/** A page of chats, newest activity first. */
export interface ChatPage {
  chats: Chat[];
  has_more: boolean;
  next_cursor?: string | null;
}

/** A message that was searched for, and its chat. */
export interface SearchResult {
  chat: { id: string; name: string | null };
  message: Message;
}

/** What the server made of a message that was sent. */
export interface SendAnswer {
  success: boolean;
  chat_id: string;
  message: Message;
}

/** Filters of the chat list, by their documented names: `is_archived`, `name__icontains`, `metadata__<key>` … */
export type Filters = Record<string, unknown>;

/** Which messages of a chat to give. */
export interface MessageQuery {
  limit?: number;
  before?: string;
  after?: string;
  /** The `at` of an earlier page: what was changed or deleted since comes along. */
  changed_since?: string;
  /** `all`, `latest`, or the id of a message on the branch. */
  branch?: string;
}

/** Whatever a send may say beside its text, chat and file. */
export interface SendOptions {
  /** Kept on the chat, when this message makes one. */
  metadata?: Record<string, unknown>;
  /** The message this one answers; a visitor's answer to an earlier message begins a branch there. */
  replyToMessageId?: string | null;
  /** The same for every attempt, so that a repeated one makes no second message. */
  clientMsgId?: string;
  /** Told how much of the file is on its way, 0 to 1. */
  onProgress?: (share: number) => void;
  signal?: AbortSignal;
}
