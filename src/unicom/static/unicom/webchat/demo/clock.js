// Times as the visitor reads them, in the page's language and the visitor's time zone.

import { text } from "./texts.js";

const language = document.documentElement.lang || undefined;
const timeFormat = new Intl.DateTimeFormat(language, { hour: "numeric", minute: "2-digit" });
const fullFormat = new Intl.DateTimeFormat(language, { dateStyle: "full", timeStyle: "short" });
const dayFormat = new Intl.DateTimeFormat(language, { weekday: "long", day: "numeric", month: "long" });
const oldDayFormat = new Intl.DateTimeFormat(language, { dateStyle: "long" });
const shortDayFormat = new Intl.DateTimeFormat(language, { day: "numeric", month: "short" });
const relativeFormat = new Intl.RelativeTimeFormat(language, { numeric: "always", style: "narrow" });

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const DAY = 24 * HOUR;

/** @param {string} timestamp */
export function timeOf(timestamp) {
  return timeFormat.format(new Date(timestamp));
}

/** @param {string} timestamp */
export function fullTimeOf(timestamp) {
  return fullFormat.format(new Date(timestamp));
}

/**
 * The local calendar day, as a key to group by.
 *
 * @param {string} timestamp
 */
export function dayKey(timestamp) {
  const date = new Date(timestamp);
  return `${date.getFullYear()}-${date.getMonth() + 1}-${date.getDate()}`;
}

/** @param {string} timestamp */
export function dayLabel(timestamp) {
  const now = new Date();
  // Noon, for days of 23 hours.
  const yesterday = new Date(now.getFullYear(), now.getMonth(), now.getDate() - 1, 12);
  const key = dayKey(timestamp);
  if (key === dayKey(now.toISOString())) return text("today");
  if (key === dayKey(yesterday.toISOString())) return text("yesterday");
  const date = new Date(timestamp);
  return (date.getFullYear() === now.getFullYear() ? dayFormat : oldDayFormat).format(date);
}

/** @param {string} timestamp */
export function ago(timestamp) {
  const date = new Date(timestamp);
  const passed = Date.now() - date.getTime();
  if (passed < MINUTE) return text("now");
  if (passed < HOUR) return relativeFormat.format(-Math.floor(passed / MINUTE), "minute");
  if (passed < DAY) return relativeFormat.format(-Math.floor(passed / HOUR), "hour");
  if (passed < 7 * DAY) return relativeFormat.format(-Math.floor(passed / DAY), "day");
  return shortDayFormat.format(date);
}
