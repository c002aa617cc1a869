// Tells a screen reader, once, through the one live region a chat has.

/** Ask the chat around an element to say something aloud. */
export function announce(from: Element, text: string): void {
  from.dispatchEvent(new CustomEvent("unicom-announce", { detail: text, bubbles: true, composed: true }));
}
