// Markdown in blocks, so that a growing answer draws only its last one anew.

import { Marked } from "marked";

/** The few tags that models write where Markdown has nothing, bare; any other HTML in a text is shown as it is written. */
const BARE = /^<\/?(?:br|sub|sup|kbd|mark|u|b|i)\s*\/?>$/i;

const marked = new Marked({
  gfm: true,
  breaks: true,
  renderer: {
    html({ text, block }) {
      if (BARE.test(text.trim())) return text;
      const shown = text.trim().replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
      return block ? `<p>${shown}</p>` : shown;
    },
  },
});

/** A block of a message: a code block, or HTML that is yet to be made safe. */
export type Block =
  | { kind: "html"; raw: string; html: string }
  | { kind: "code"; raw: string; code: string; language: string };

/** Split a message in Markdown into its blocks. */
export function blocksOf(text: string): Block[] {
  const tokens = marked.lexer(text);
  const blocks: Block[] = [];
  for (const token of tokens) {
    if (token.type === "space") continue;
    if (token.type === "code") {
      const language =
        String(token.lang ?? "")
          .trim()
          .split(/\s/)[0] ?? "";
      blocks.push({ kind: "code", raw: token.raw, code: token.text, language });
      continue;
    }
    // Link definitions stand at the end of a text, and belong to every block.
    const list = Object.assign([token], { links: tokens.links });
    blocks.push({ kind: "html", raw: token.raw, html: marked.parser(list) });
  }
  return blocks;
}

/** Give the words of a text in Markdown, on one line: for where there is no room for more. */
export function wordsOf(text: string): string {
  return text
    .replace(/```\w*/g, " ")
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, "$1")
    .replace(/^[ \t]*(?:#{1,6}|>|[-*+]|\d+\.)[ \t]+/gm, "")
    .replace(/(\*\*|__|~~|`)(?=\S)([\s\S]*?\S)\1/g, "$2")
    .replace(/\s+/g, " ")
    .trim();
}
