// Makes messages for tests.

import type { Message } from "../src/wire.js";

let number = 0;

/** Make a message of a bot's; `mine` makes it the visitor's. */
export function message(more: Partial<Message> & { mine?: boolean } = {}): Message {
  const { mine, ...rest } = more;
  number += 1;
  return {
    id: `m${number}`,
    text: `text ${number}`,
    html: "",
    is_outgoing: !mine,
    sender_name: mine ? "Guest" : "Bot",
    timestamp: "2026-03-01T10:00:00+00:00",
    media_type: "text",
    media_url: null,
    reply_to_message_id: null,
    chat_id: "webchat_1",
    interactive_buttons: null,
    progress_updates_for_user: null,
    result_status: null,
    client_msg_id: null,
    edited_at: null,
    ...rest,
  };
}
