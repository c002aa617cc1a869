// One message as elements. Its text is only ever text; its html is left to clients that can make it safe.

import { fullTimeOf, timeOf } from "./clock.js";
import { element, icon, safeUrl } from "./elements.js";
import { text } from "./texts.js";

/** @typedef {import("./api.js").Message} Message */
/** @typedef {import("./api.js").ActionButton} ActionButton */
/** @typedef {import("./conversation.js").Pending} Pending */

const LINKS = ["http:", "https:", "mailto:", "tel:"];

/**
 * "mine" is the visitor's, "theirs" the bot's, "note" a line between, null is not for the visitor's eyes.
 *
 * @param {Message} message
 * @returns {"mine" | "theirs" | "note" | null}
 */
export function sideOf(message) {
  if (message.media_type === "tool_call" || message.media_type === "tool_response") {
    return noteOf(message) ? "note" : null;
  }
  if (message.is_outgoing === null) return message.text ? "note" : null;
  return message.is_outgoing ? "theirs" : "mine";
}

/** @param {Message} message */
export function senderOf(message) {
  return message.is_outgoing === false ? text("you") : message.sender_name || text("bot");
}

/**
 * @param {Message} message
 * @param {Message | undefined} repliedTo
 * @param {(button: ActionButton, pressed: HTMLButtonElement) => void} onAction
 */
export function messageElement(message, repliedTo, onAction) {
  const side = sideOf(message);
  if (side === "note") {
    return element("p", { class: "note", dir: "auto" }, noteOf(message) ?? message.text);
  }
  const mine = side === "mine";
  const sender = senderOf(message);
  const media = mediaElement(message);
  const bubble = element(
    "div",
    { class: media && isPicture(message) && !message.text ? "bubble picture-only" : "bubble" },
    repliedTo && quoteElement(repliedTo),
    media,
    message.text ? element("p", { class: "bubble-text", dir: "auto" }, message.text) : null,
  );
  return element(
    "article",
    // What one has just written oneself need not be read out.
    { class: mine ? "message mine" : "message theirs", "aria-live": mine && "off", "data-message-id": message.id },
    mine ? null : element("span", { class: "avatar", "aria-hidden": "true" }, initialOf(sender)),
    element("span", { class: "sender" }, sender),
    bubble,
    buttonsElement(message.interactive_buttons, onAction),
    element(
      "div",
      { class: "message-foot" },
      element("time", { datetime: message.timestamp, title: fullTimeOf(message.timestamp) }, timeOf(message.timestamp)),
      message.edited_at ? element("span", { class: "edited" }, ` · ${text("edited")}`) : null,
    ),
  );
}

/**
 * @param {Pending} item
 * @param {{onRetry: () => void, onDiscard: () => void}} events
 */
export function pendingElement(item, { onRetry, onDiscard }) {
  const failed = item.state === "failed";
  const foot = element(
    "div",
    { class: "message-foot", role: failed && "status" },
    text(failed ? "notSent" : "sending"),
  );
  if (failed) {
    const retry = element("button", { class: "text-button", type: "button" }, text("retry"));
    const discard = element("button", { class: "text-button", type: "button" }, text("discard"));
    retry.addEventListener("click", onRetry);
    discard.addEventListener("click", onDiscard);
    foot.append(retry, discard);
  }
  return element(
    "article",
    { class: `message mine ${failed ? "failed" : "pending"}`, "data-client-msg-id": item.clientMsgId },
    element("span", { class: "sender" }, text("you")),
    element(
      "div",
      { class: "bubble" },
      item.file && element("span", { class: "file media" }, icon("file"), element("span", {}, item.file.name)),
      item.text ? element("p", { class: "bubble-text", dir: "auto" }, item.text) : null,
    ),
    foot,
  );
}

/** @param {Message} message */
function noteOf(message) {
  return message.progress_updates_for_user || null;
}

/** @param {string} name */
function initialOf(name) {
  // By code point: half a surrogate pair is no letter.
  return ([...name.trim()][0] ?? "?").toLocaleUpperCase();
}

/** @param {Message} message */
function isPicture(message) {
  return message.media_type === "image";
}

/** @param {Message} message */
function mediaElement(message) {
  const url = safeUrl(message.media_url);
  if (!url) return null;
  if (isPicture(message)) {
    const picture = element("img", { src: url, alt: message.text || text("image"), loading: "lazy" });
    const link = element("a", { class: "picture media", href: url, target: "_blank", rel: "noopener" }, picture);
    // Not every "image" can be shown by every browser; the file can still be had.
    picture.addEventListener("error", () => link.replaceWith(fileElement(url)), { once: true });
    return link;
  }
  if (message.media_type === "audio") {
    return element("audio", {
      class: "media",
      controls: true,
      preload: "metadata",
      src: url,
      "aria-label": text("audio"),
    });
  }
  return fileElement(url);
}

/** @param {string} url */
function fileElement(url) {
  return element(
    "a",
    { class: "file media", href: url, target: "_blank", rel: "noopener" },
    icon("file"),
    element("span", {}, text("download")),
  );
}

/** @param {Message} message */
function quoteElement(message) {
  return element(
    "div",
    { class: "quote" },
    element("span", { class: "visually-hidden" }, `${text("replyTo")} ${senderOf(message)}: `),
    element("span", { class: "quote-text", dir: "auto" }, message.text || text("attachment")),
  );
}

/**
 * @param {ActionButton[][] | null} rows
 * @param {(button: ActionButton, pressed: HTMLButtonElement) => void} onAction
 */
function buttonsElement(rows, onAction) {
  if (!Array.isArray(rows) || rows.length === 0) return null;
  return element(
    "div",
    { class: "button-rows" },
    ...rows.map((row) => element("div", { class: "button-row" }, ...row.map((one) => actionElement(one, onAction)))),
  );
}

/**
 * @param {ActionButton} button
 * @param {(button: ActionButton, pressed: HTMLButtonElement) => void} onAction
 */
function actionElement(button, onAction) {
  if (button.type === "url") {
    const url = safeUrl(button.url, LINKS);
    if (url && !button.disabled) {
      return element(
        "a",
        { class: "action", href: url, target: "_blank", rel: "noopener", "data-style": button.style },
        button.text,
        icon("out"),
      );
    }
  }
  const usable = button.type === "callback" && Boolean(button.callback_execution_id) && !button.disabled;
  const made = document.createElement("button");
  made.type = "button";
  made.className = "action";
  made.disabled = !usable;
  if (button.style) made.dataset.style = button.style;
  made.textContent = button.text;
  made.addEventListener("click", () => onAction(button, made));
  return made;
}
