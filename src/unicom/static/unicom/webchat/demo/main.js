// Puts the parts of the page together: which chat is open, what is asked of the server, and when.

import { Api, ApiError } from "./api.js";
import { ChatList, titleOf } from "./chat-list.js";
import { ChatMenu } from "./chat-menu.js";
import { Composer } from "./composer.js";
import { Conversation } from "./conversation.js";
import { askTitle, confirmDelete } from "./dialogs.js";
import { Drawer } from "./drawer.js";
import { find } from "./elements.js";
import { Poller } from "./poller.js";
import { Sender } from "./sender.js";
import { text } from "./texts.js";
import { bindThemeToggle } from "./theme.js";
import { Thread } from "./thread.js";
import { Toast } from "./toast.js";

/** @typedef {import("./api.js").Chat} Chat */

const PAGE = 50;
const TAIL_EVERY = 3; // polls: edits are seen by reading the newest page again
const CHATS_EVERY = 5;

const { apiBase = "", channelId = "", csrfToken = "" } = find("app", HTMLDivElement).dataset;
const api = new Api(apiBase, channelId, csrfToken);
const toast = new Toast();
const drawer = new Drawer();
const heading = find("chat-title", HTMLElement);
const connection = find("connection", HTMLParagraphElement);

/**
 * The conversations of this visit, so that a message not yet sent is still there on coming back to its chat.
 *
 * @type {Map<string, Conversation>}
 */
const conversations = new Map();
/** A chat not yet made. It stays as it is while the visitor looks at others, with what could not be sent. */
let draft = new Conversation(null);
let current = draft;
/** The next poll reads the newest page, as something is known to have changed. */
let tailDue = true;
let chatsDue = true;

const composer = new Composer((written, file) => {
  current.enqueue(written, file);
  thread.atEnd = true;
  void sender.flush(current);
});

const thread = new Thread({
  onOlder: () => void loadOlder(),
  onSuggestion: (suggestion) => {
    current.enqueue(suggestion, null);
    void sender.flush(current);
    composer.focus();
  },
  onRetry: (item) => void sender.retry(current, item),
  onDiscard: (item) => {
    current.discard(item);
    thread.render();
  },
  onAction: (button, pressed) => void press(button.callback_execution_id ?? "", pressed),
});

const sender = new Sender(api, {
  onChange: (conversation) => {
    if (conversation === current) thread.render();
  },
  onSent: (conversation, isNew) => {
    if (isNew && conversation.id) {
      conversations.set(conversation.id, conversation);
      if (conversation === current) {
        history.replaceState(null, "", hashOf(conversation.id));
        chatList.select(conversation.id);
      }
    }
    chatsDue = true;
    // The answer may be there already; the message itself must be out of the way first.
    setTimeout(() => poller.kick());
  },
  onError: (sentence) => toast.show(sentence),
});

const chatList = new ChatList({
  onOpen: (chat) => {
    go(chat.id);
    drawer.close();
    composer.focus();
  },
  onMenu: (chat, opener) => menu.open(chat, opener),
  onRange: () => {
    chatsDue = true;
    poller.kick();
  },
});

const menu = new ChatMenu((action, chat) => void attempt(() => change(action, chat)));

const poller = new Poller(poll, (healthy) => {
  connection.dataset.state = healthy ? "online" : "reconnecting";
  const words = text(healthy ? "online" : "reconnecting");
  // Written only when it differs, for each writing may be read out.
  if (connection.textContent !== words) connection.textContent = words;
});

/** @param {number} count */
async function poll(count) {
  if (chatsDue || count % CHATS_EVERY === 0) await refreshChats();
  const conversation = current;
  try {
    await refreshMessages(conversation, count);
  } catch (error) {
    if (!(error instanceof ApiError) || error.status !== 404) throw error;
    // Deleted elsewhere, or an address of somebody else's chat.
    forget(conversation);
    toast.show(error.message);
  }
}

async function refreshChats() {
  const { archived, limit } = chatList;
  const answer = await api.chats(archived, limit);
  // The visitor may have asked for another list meanwhile; that one is still due.
  if (archived !== chatList.archived || limit !== chatList.limit) return;
  chatsDue = false;
  chatList.show(answer.chats, answer.has_more);
  showTitle();
}

/**
 * @param {Conversation} conversation
 * @param {number} count
 */
async function refreshMessages(conversation, count) {
  const { id, revision, cursor } = conversation;
  if (id === null || conversation.sending) return;
  const tail = tailDue || cursor === null || count % TAIL_EVERY === 0;
  if (tail) tailDue = false;
  let page;
  try {
    page = await api.messages(id, tail ? { limit: PAGE } : { after: cursor, limit: PAGE });
  } catch (error) {
    if (tail || !(error instanceof ApiError) || error.status !== 404) throw error;
    // The message at the cursor may be gone; whether the chat is too, the newest page tells.
    conversation.cursor = null;
    return;
  }
  if (conversation.revision !== revision) {
    // Asked before a message went out, answered after: it may miss that message, or show it twice.
    tailDue ||= tail;
    return;
  }
  if (tail) conversation.replaceTail(page);
  else conversation.extend(page);
  // The list shows each chat's last message; a poll later it shows this one.
  if (conversation.cursor !== cursor && cursor !== null) chatsDue = true;
  if (conversation === current) thread.render();
  if (!tail && page.has_more) await refreshMessages(conversation, count);
}

async function loadOlder() {
  const conversation = current;
  const oldest = conversation.messages[0];
  if (!conversation.id || !oldest || !conversation.hasOlder) return;
  const id = conversation.id;
  await attempt(() =>
    thread.extendUpwards(async () => {
      conversation.prepend(await api.messages(id, { before: oldest.id, limit: PAGE }));
    }),
  );
}

/**
 * @param {string} callbackExecutionId
 * @param {HTMLButtonElement} pressed
 */
async function press(callbackExecutionId, pressed) {
  if (pressed.ariaBusy === "true") return;
  pressed.ariaBusy = "true";
  await attempt(() => api.click(callbackExecutionId));
  pressed.ariaBusy = null;
  // Answers to a click are new messages, or edits of the one with the button.
  tailDue = true;
  poller.kick();
}

/**
 * @param {import("./chat-menu.js").Action} action
 * @param {Chat} chat
 */
async function change(action, chat) {
  if (action === "rename") {
    const title = await askTitle(titleOf(chat));
    if (title === null) return;
    await api.updateChat(chat.id, { title });
  } else if (action === "archive") {
    await api.updateChat(chat.id, { is_archived: !chat.is_archived });
  } else {
    if (!(await confirmDelete(titleOf(chat)))) return;
    await api.deleteChat(chat.id);
    const known = conversations.get(chat.id);
    if (known) forget(known);
  }
  chatsDue = true;
  poller.kick();
}

/**
 * Do it, and tell the visitor where it fails.
 *
 * @param {() => Promise<unknown>} act
 */
async function attempt(act) {
  try {
    await act();
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    toast.show(error.message);
  }
}

/** @param {Conversation} conversation */
function forget(conversation) {
  if (conversation.id) conversations.delete(conversation.id);
  chatsDue = true;
  if (conversation === current) go(null);
}

/** @param {string} chatId */
function hashOf(chatId) {
  return `#chat=${encodeURIComponent(chatId)}`;
}

/** @param {string | null} chatId */
function go(chatId) {
  history.pushState(null, "", chatId ? hashOf(chatId) : location.pathname + location.search);
  open(chatId);
}

/**
 * @param {string | null} chatId
 * @param {{keepText?: boolean}} [options] keepText: what is being typed stays
 */
function open(chatId, { keepText = false } = {}) {
  if (chatId === null) {
    if (draft.id !== null) draft = new Conversation(null);
    current = draft;
  } else {
    current = conversations.get(chatId) ?? new Conversation(chatId);
    conversations.set(chatId, current);
  }
  tailDue = true;
  if (!keepText) composer.clear();
  chatList.select(chatId);
  thread.show(current);
  showTitle();
  poller.kick();
}

/**
 * The list holds either recent or archived chats; the open one may be in the other.
 *
 * @type {Map<string | null, string>}
 */
const knownTitles = new Map();

function showTitle() {
  for (const chat of chatList.chats) knownTitles.set(chat.id, titleOf(chat));
  heading.textContent = knownTitles.get(current.id) ?? text("newChat");
}

function chatInAddress() {
  const id = new URLSearchParams(location.hash.slice(1)).get("chat");
  return id || null;
}

async function start() {
  bindThemeToggle(find("theme-toggle", HTMLButtonElement));
  find("new-chat", HTMLButtonElement).addEventListener("click", () => {
    go(null);
    drawer.close();
    composer.focus();
  });
  addEventListener("popstate", () => {
    if (chatInAddress() !== current.id) open(chatInAddress());
  });
  await attempt(refreshChats);
  // Somebody quicker than the list of chats may have begun, or even sent, a first message.
  if (draft.id === null && draft.messages.length === 0) {
    const chatId = chatInAddress() ?? chatList.chats[0]?.id ?? null;
    if (chatId && !chatInAddress()) history.replaceState(null, "", hashOf(chatId));
    open(chatId, { keepText: true });
  }
  composer.focus();
}

void start();
