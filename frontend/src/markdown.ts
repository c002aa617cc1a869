// Markdown in blocks, so that a growing answer draws only its last one anew.

import { Marked } from "marked";

const marked = new Marked({ gfm: true, breaks: true });

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
