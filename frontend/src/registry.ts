// Names of elements: the documented ones, unless the page has already given one of them to something else.

import { unsafeStatic } from "lit/static-html.js";

const SPARE = "unicom-";

/**
 * Define an element under its documented name; a name that is taken is left alone, and another is used.
 *
 * Returns what a template writes: a static value of the name that was given.
 */
export function define(name: string, element: CustomElementConstructor): ReturnType<typeof unsafeStatic> {
  let free = name;
  while (customElements.get(free)) {
    // Loading the component twice, in two bundles, is the usual reason; a page's own element the other.
    free = free.startsWith(SPARE) ? `${free}-x` : `${SPARE}${free}`;
  }
  customElements.define(free, element);
  return unsafeStatic(free);
}

/** Define an element that pages write themselves: the first to come is it. */
export function definePublic(name: string, element: CustomElementConstructor): void {
  if (!customElements.get(name)) customElements.define(name, element);
}
