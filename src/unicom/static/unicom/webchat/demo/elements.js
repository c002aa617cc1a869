// Making, finding and updating elements; nothing here reads a string as markup.

const SVG = "http://www.w3.org/2000/svg";

/**
 * @param {string} tag
 * @param {Record<string, string | boolean | null | undefined>} [attributes] false, null and undefined are left out
 * @param {(Node | string | null | undefined)[]} children strings become text
 */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true) made.setAttribute(name, "");
    else if (typeof value === "string") made.setAttribute(name, value);
  }
  for (const child of children) if (child !== null && child !== undefined) made.append(child);
  return made;
}

/** @param {string} name of a symbol in the page's sprite */
export function icon(name) {
  const svg = document.createElementNS(SVG, "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS(SVG, "use");
  use.setAttribute("href", `#icon-${name}`);
  svg.append(use);
  return svg;
}

/**
 * The element with this id, which the template is bound to have.
 *
 * @template {HTMLElement} T
 * @param {string} id
 * @param {{new (): T}} kind
 * @returns {T}
 */
export function find(id, kind) {
  const found = document.getElementById(id);
  if (!(found instanceof kind)) throw new Error(`#${id} is missing from the page`);
  return found;
}

/**
 * An address a link or a picture may carry, or null: message content must not smuggle in javascript:.
 *
 * @param {string | null | undefined} address
 * @param {string[]} protocols
 */
export function safeUrl(address, protocols = ["http:", "https:"]) {
  if (!address) return null;
  try {
    const url = new URL(address, document.baseURI);
    return protocols.includes(url.protocol) ? url.href : null;
  } catch {
    return null;
  }
}

/**
 * @typedef {object} Row
 * @property {string} key unique in its container
 * @property {string} signature when it changes, the row is built anew
 * @property {(previous: HTMLElement | undefined) => HTMLElement} build
 */

/** @type {WeakMap<HTMLElement, string>} */
const signatures = new WeakMap();

/**
 * Make the container show these rows, touching only what changed: a playing sound goes on, the focus stays.
 *
 * @param {HTMLElement} container
 * @param {Row[]} rows
 */
export function reconcile(container, rows) {
  const focused = container.contains(document.activeElement) ? document.activeElement : null;
  /** @type {Map<string, HTMLElement>} */
  const old = new Map();
  const wanted = new Set(rows.map((row) => row.key));
  for (const child of [...container.children]) {
    if (!(child instanceof HTMLElement)) continue;
    const key = child.dataset.key ?? "";
    // Stale rows go first, else each row after one would have to move.
    if (wanted.has(key)) old.set(key, child);
    else child.remove();
  }
  /** @type {Element | null} */
  let next = container.firstElementChild;
  for (const row of rows) {
    let current = old.get(row.key);
    if (!current || signatures.get(current) !== row.signature) {
      const fresh = row.build(current);
      fresh.dataset.key = row.key;
      signatures.set(fresh, row.signature);
      if (current) {
        if (current === next) next = fresh;
        const place = focusables(current).indexOf(/** @type {HTMLElement} */ (document.activeElement));
        current.replaceWith(fresh);
        if (place >= 0) focusables(fresh)[place]?.focus({ preventScroll: true });
      }
      current = fresh;
    }
    if (current === next) next = next.nextElementSibling;
    else container.insertBefore(current, next);
  }
  if (focused instanceof HTMLElement && focused.isConnected && document.activeElement !== focused) {
    focused.focus({ preventScroll: true });
  }
}

/**
 * @param {HTMLElement} root
 * @returns {HTMLElement[]}
 */
function focusables(root) {
  return [...root.querySelectorAll("a[href], button, audio")].filter((found) => found instanceof HTMLElement);
}
