// The one place where text becomes HTML. Nothing in it is assigned to innerHTML: DOMPurify gives clean nodes.

import DOMPurify, { type Config } from "dompurify";

const CONFIG: Config & { RETURN_DOM_FRAGMENT: true } = {
  RETURN_DOM_FRAGMENT: true,
  ALLOWED_TAGS: [
    "a",
    "abbr",
    "b",
    "blockquote",
    "br",
    "caption",
    "code",
    "col",
    "colgroup",
    "dd",
    "del",
    "details",
    "div",
    "dl",
    "dt",
    "em",
    "figcaption",
    "figure",
    "h1",
    "h2",
    "h3",
    "h4",
    "h5",
    "h6",
    "hr",
    "i",
    "img",
    "ins",
    "kbd",
    "li",
    "mark",
    "ol",
    "p",
    "pre",
    "q",
    "s",
    "samp",
    "small",
    "span",
    "strong",
    "sub",
    "summary",
    "sup",
    "table",
    "tbody",
    "td",
    "tfoot",
    "th",
    "thead",
    "tr",
    "u",
    "ul",
    "var",
    "wbr",
  ],
  // No style, class or id: what is written by others must not look like, or stand in for, what is ours.
  ALLOWED_ATTR: [
    "align",
    "alt",
    "cite",
    "colspan",
    "dir",
    "href",
    "lang",
    "open",
    "rowspan",
    "scope",
    "src",
    "start",
    "title",
  ],
  ALLOW_DATA_ATTR: false,
  ALLOW_ARIA_ATTR: false,
  ALLOWED_URI_REGEXP: /^(?:https?:|mailto:|tel:|[^a-z]|[a-z+.-]+(?:[^a-z+.\-:]|$))/i,
};

const purifier = DOMPurify(window);

/** Turn HTML that somebody wrote into nodes in which nothing runs, and nothing is loaded from elsewhere. */
export function safeFragment(html: string): DocumentFragment {
  const fragment = purifier.sanitize(html, CONFIG);
  for (const image of fragment.querySelectorAll("img")) {
    if (!isOurs(image.getAttribute("src") ?? "")) image.replaceWith(linkTo(image));
    else {
      image.loading = "lazy";
      image.decoding = "async";
    }
  }
  for (const link of fragment.querySelectorAll("a")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer nofollow";
  }
  // Each block by its own words, and what is in it with it: a list's numbers stand where its lines begin.
  for (const block of fragment.children) if (!block.hasAttribute("dir")) block.setAttribute("dir", "auto");
  for (const table of fragment.querySelectorAll("table")) {
    // A wide table scrolls by itself, also by keyboard.
    const frame = document.createElement("div");
    frame.className = "table";
    frame.tabIndex = 0;
    table.replaceWith(frame);
    frame.append(table);
  }
  return fragment;
}

/** Give back a URL that may be opened, or null: never a script's. */
export function safeUrl(
  url: string | null | undefined,
  protocols = ["http:", "https:", "mailto:", "tel:"],
): string | null {
  if (!url) return null;
  try {
    const parsed = new URL(url, location.href);
    return protocols.includes(parsed.protocol) ? parsed.href : null;
  } catch {
    return null;
  }
}

function isOurs(src: string): boolean {
  const url = safeUrl(src, ["http:", "https:"]);
  return url !== null && new URL(url).origin === location.origin;
}

/** A picture from elsewhere would tell that server who reads: it becomes a link. */
function linkTo(image: HTMLImageElement): Node {
  const url = safeUrl(image.getAttribute("src"), ["http:", "https:"]);
  const text = image.alt || url || "";
  if (!url || image.closest("a")) return document.createTextNode(text);
  const link = document.createElement("a");
  link.href = url;
  link.textContent = text;
  return link;
}
