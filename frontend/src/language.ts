// The visitor's language: which one, in what direction, and how it writes times.

import { ar } from "./languages/ar.js";
import { de } from "./languages/de.js";
import { en, type Texts } from "./languages/en.js";
import { es } from "./languages/es.js";
import { fr } from "./languages/fr.js";

const LANGUAGES: Record<string, Texts> = { en, de, es, fr, ar };
const DAY_MS = 86_400_000;

/** A text of the component by its key, `{names}` filled in. */
export type Say = (key: keyof Texts, values?: Record<string, string | number>) => string;

/** One language of the component. */
export class Language {
  /** `en`, `de` …: the one the texts are in. */
  readonly code: string;
  /** The full tag, for dates and numbers: `de-AT`. */
  readonly locale: string;
  readonly direction: "ltr" | "rtl";
  private readonly clock: Intl.DateTimeFormat;
  private readonly weekday: Intl.DateTimeFormat;
  private readonly day: Intl.DateTimeFormat;
  private readonly full: Intl.DateTimeFormat;
  private readonly numbers: Intl.NumberFormat;

  constructor(tag: string) {
    const base = tag.toLowerCase().split(/[-_]/)[0] ?? "";
    this.code = base in LANGUAGES ? base : "en";
    this.locale = base in LANGUAGES ? known(tag) : "en";
    this.direction = this.code === "ar" ? "rtl" : "ltr";
    this.clock = new Intl.DateTimeFormat(this.locale, { timeStyle: "short" });
    this.weekday = new Intl.DateTimeFormat(this.locale, { weekday: "long" });
    this.day = new Intl.DateTimeFormat(this.locale, { dateStyle: "medium" });
    this.full = new Intl.DateTimeFormat(this.locale, { dateStyle: "full", timeStyle: "short" });
    this.numbers = new Intl.NumberFormat(this.locale, { maximumFractionDigits: 1 });
  }

  readonly say: Say = (key, values = {}) => {
    const text = LANGUAGES[this.code]![key];
    return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
  };

  /** The time of day. */
  timeOf(timestamp: string): string {
    return formatted(this.clock, timestamp);
  }

  /** Date and time, for whoever wants to know exactly. */
  fullTimeOf(timestamp: string): string {
    return formatted(this.full, timestamp);
  }

  /** "Today", "Yesterday", a weekday within the last week, else the date. */
  dayOf(timestamp: string, now = new Date()): string {
    const date = new Date(timestamp);
    if (Number.isNaN(date.getTime())) return "";
    const days = Math.round((midnight(now) - midnight(date)) / DAY_MS);
    if (days === 0) return this.say("today");
    if (days === 1) return this.say("yesterday");
    return days > 1 && days < 7 ? this.weekday.format(date) : this.day.format(date);
  }

  /** For the list of chats: the time today, else the day. */
  shortOf(timestamp: string, now = new Date()): string {
    return midnight(new Date(timestamp)) === midnight(now) ? this.timeOf(timestamp) : this.dayOf(timestamp, now);
  }

  /** A file's size. */
  sizeOf(bytes: number): string {
    if (bytes < 1000) return `${this.numbers.format(bytes)} B`;
    if (bytes < 1_000_000) return `${this.numbers.format(bytes / 1000)} kB`;
    return `${this.numbers.format(bytes / 1_000_000)} MB`;
  }
}

/** Find out the language of an element: its own `lang`, the nearest one around it, else the browser's. */
export function languageOf(element: Element): Language {
  const around = element.closest("[lang]")?.getAttribute("lang") || document.documentElement.lang;
  return new Language(around || navigator.language || "en");
}

/** Tell whether two times are on the same day here. */
export function sameDay(one: string, other: string): boolean {
  return midnight(new Date(one)) === midnight(new Date(other));
}

function midnight(date: Date): number {
  return new Date(date.getFullYear(), date.getMonth(), date.getDate()).getTime();
}

function formatted(format: Intl.DateTimeFormat, timestamp: string): string {
  const date = new Date(timestamp);
  return Number.isNaN(date.getTime()) ? "" : format.format(date);
}

function known(tag: string): string {
  try {
    return Intl.getCanonicalLocales(tag.replaceAll("_", "-"))[0] ?? "en";
  } catch {
    return "en";
  }
}
