// Colours for code: strings, comments, numbers and the words most languages share. Enough to read by, and small.

import { html, type TemplateResult } from "lit";

const WORDS =
  "abstract|and|as|assert|async|await|bool|boolean|break|case|catch|char|class|const|continue|def|default|del|delete|do|double|elif|else|end|enum|except|export|extends|extern|final|finally|float|fn|for|from|func|function|global|go|goto|if|impl|implements|import|in|int|interface|is|lambda|let|long|match|mod|module|mut|namespace|new|not|of|or|override|package|pass|private|protected|pub|public|raise|readonly|return|select|self|short|static|struct|super|switch|template|then|this|throw|throws|trait|try|type|typeof|union|unsafe|use|using|var|virtual|void|when|where|while|with|yield|SELECT|FROM|WHERE|INSERT|INTO|VALUES|UPDATE|SET|DELETE|CREATE|TABLE|JOIN|LEFT|INNER|ON|AND|OR|NOT|ORDER|GROUP|BY|LIMIT|AS";
const CONSTANTS = "true|false|null|none|nil|undefined|True|False|None|NULL";
const HASH = new Set([
  "bash",
  "sh",
  "shell",
  "zsh",
  "console",
  "python",
  "py",
  "ruby",
  "rb",
  "yaml",
  "yml",
  "toml",
  "dockerfile",
  "makefile",
  "r",
  "perl",
  "ini",
  "conf",
]);
const DASH = new Set(["sql", "lua", "haskell", "elm", "ada"]);
const PLAIN = new Set(["", "text", "txt", "plain", "output", "log"]);
const MOST = 50_000;

/** Give code with its parts marked, or as it is where its language says nothing. */
export function highlighted(code: string, language: string): (string | TemplateResult)[] {
  const name = language.toLowerCase();
  if (PLAIN.has(name) || code.length > MOST) return [code];
  const comment = HASH.has(name)
    ? "#[^\\n]*"
    : DASH.has(name)
      ? "--[^\\n]*"
      : "\\/\\/[^\\n]*|\\/\\*[\\s\\S]*?\\*\\/|<!--[\\s\\S]*?-->";
  const pattern = new RegExp(
    `(?<comment>${comment})|(?<string>"""[\\s\\S]*?"""|"(?:[^"\\\\\\n]|\\\\.)*"|'(?:[^'\\\\\\n]|\\\\.)*'|\`(?:[^\`\\\\]|\\\\.)*\`)` +
      `|(?<number>\\b(?:0x[\\da-fA-F]+|\\d[\\d_]*(?:\\.\\d+)?)\\b)|(?<constant>\\b(?:${CONSTANTS})\\b)|(?<word>\\b(?:${WORDS})\\b)|(?<call>\\b[A-Za-z_]\\w*(?=\\())`,
    "g",
  );
  const parts: (string | TemplateResult)[] = [];
  let end = 0;
  for (const found of code.matchAll(pattern)) {
    const kind = Object.entries(found.groups ?? {}).find(([, value]) => value !== undefined)?.[0];
    parts.push(code.slice(end, found.index), html`<span class="c-${kind}">${found[0]}</span>`);
    end = found.index + found[0].length;
  }
  parts.push(code.slice(end));
  return parts;
}
