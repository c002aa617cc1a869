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

/**
 * Turn HTML that somebody wrote into nodes in which nothing runs, and nothing is loaded from elsewhere.
 *
 * `home` is an address of the chat's own site, which paths in it are on, whatever site the page is of.
 */
export function safeFragment(html: string, home = location.href): DocumentFragment {
  const isElsewhere = new URL(home).origin !== location.origin;
  const fragment = purifier.sanitize(html, CONFIG);
  for (const image of fragment.querySelectorAll("img")) {
    const url = safeUrl(image.getAttribute("src"), ["http:", "https:"], home);
    if (!url || new URL(url).origin !== new URL(home).origin) image.replaceWith(linkTo(image, url));
    else {
      if (isElsewhere) image.src = url;
      image.loading = "lazy";
      image.decoding = "async";
    }
  }
  for (const link of fragment.querySelectorAll("a")) {
    const url = safeUrl(link.getAttribute("href"), undefined, home);
    if (url && isElsewhere) link.href = url;
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
  home = location.href,
): string | null {
  if (!url) return null;
  try {
    const parsed = new URL(url, home);
    return protocols.includes(parsed.protocol) ? parsed.href : null;
  } catch {
    return null;
  }
}

/** A picture from elsewhere would tell that server who reads: it becomes a link. */
function linkTo(image: HTMLImageElement, url: string | null): Node {
  const text = image.alt || url || "";
  if (!url || image.closest("a")) return document.createTextNode(text);
  const link = document.createElement("a");
  link.href = url;
  link.textContent = text;
  return link;
}
