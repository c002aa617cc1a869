import { expect, test } from "vitest";
import { Language } from "../src/language.js";
import { ar } from "../src/languages/ar.js";
import { de } from "../src/languages/de.js";
import { en, type Texts } from "../src/languages/en.js";
import { es } from "../src/languages/es.js";
import { fr } from "../src/languages/fr.js";

test.each(Object.entries({ de, es, fr, ar }))(
  "%s says everything, with the same values filled in",
  (_, texts: Texts) => {
    const names = (text: string) => [...text.matchAll(/\{\w+\}/g)].map(([name]) => name).sort();
    expect(Object.keys(texts)).toEqual(Object.keys(en));
    for (const key of Object.keys(en) as (keyof Texts)[]) {
      expect(texts[key].trim()).not.toBe("");
      expect(names(texts[key])).toEqual(names(en[key]));
    }
  },
);

test("an unknown language falls back to English, a regional one to its language", () => {
  expect(new Language("tlh").say("send")).toBe("Send");
  expect(new Language("de-AT").say("send")).toBe("Senden");
  expect(new Language("pt_BR").locale).toBe("en");
  expect(new Language("ar").direction).toBe("rtl");
});

test("a day is named as people would", () => {
  const language = new Language("en");
  const now = new Date(2026, 2, 10, 0, 5);
  const day = (offset: number) => language.dayOf(new Date(2026, 2, 10 + offset, 23, 50).toISOString(), now);
  expect([day(0), day(-1), day(-3), day(-30)]).toEqual(["Today", "Yesterday", "Saturday", "Feb 8, 2026"]);
  expect(language.dayOf("no date", now)).toBe("");
});

test("a size is rounded", () => {
  expect([0, 999, 1500, 12_345_678].map((bytes) => new Language("en").sizeOf(bytes))).toEqual([
    "0 B",
    "999 B",
    "1.5 kB",
    "12.3 MB",
  ]);
});
