// The pictures on buttons, drawn in the colour of the text beside them.

import { html, svg, type TemplateResult } from "lit";

const PATHS = {
  menu: svg`<path d="M4 7h16M4 12h16M4 17h10"/>`,
  plus: svg`<path d="M12 5v14M5 12h14"/>`,
  compose: svg`<path d="M12 4.5H6A2.5 2.5 0 0 0 3.5 7v11A2.5 2.5 0 0 0 6 20.5h11a2.5 2.5 0 0 0 2.5-2.5v-6M18.2 3.8a1.8 1.8 0 0 1 2.5 2.5L12.5 14.5l-3.5 1 1-3.5Z"/>`,
  more: svg`<path d="M5.5 12v.01M12 12v.01M18.5 12v.01" stroke-width="2.6"/>`,
  send: svg`<path d="M12 19V5M6 11l6-6 6 6"/>`,
  stop: svg`<rect x="7" y="7" width="10" height="10" rx="1.5" fill="currentColor"/>`,
  clip: svg`<path d="m20 11.5-8.2 8.2a5.3 5.3 0 0 1-7.5-7.5l8.6-8.6a3.5 3.5 0 0 1 5 5l-8.6 8.6a1.8 1.8 0 0 1-2.5-2.5l7.8-7.8"/>`,
  mic: svg`<rect x="9" y="3" width="6" height="11" rx="3"/><path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3"/>`,
  close: svg`<path d="m6 6 12 12M18 6 6 18"/>`,
  check: svg`<path d="m5 12.5 4.5 4.5L19 7.5"/>`,
  alert: svg`<circle cx="12" cy="12" r="8.5"/><path d="M12 7.5v5.5M12 16v.01"/>`,
  archive: svg`<path d="M3.5 4.5h17v4h-17zM5 8.5v11h14v-11M10 12.5h4"/>`,
  trash: svg`<path d="M4 6.5h16M9 6.5v-2h6v2M6 6.5l1 13.5h10l1-13.5M10 10.5v6M14 10.5v6"/>`,
  pencil: svg`<path d="M4 20v-4L15.5 4.5l4 4L8 20H4ZM13 7l4 4"/>`,
  file: svg`<path d="M6 3.5h8l4.5 4.5v12.5H6zM13.5 3.5V8.5H18.5"/>`,
  down: svg`<path d="M12 5v14M6 13l6 6 6-6"/>`,
  out: svg`<path d="M8 16 17 7M9.5 7H17v7.5"/>`,
  copy: svg`<rect x="8.5" y="8.5" width="11" height="11" rx="2"/><path d="M15.5 5.5a1 1 0 0 0-1-1h-9a1 1 0 0 0-1 1v9a1 1 0 0 0 1 1"/>`,
  again: svg`<path d="M19.5 12a7.5 7.5 0 1 1-2.2-5.3L19.5 9M19.5 4.5V9H15"/>`,
  left: svg`<path d="m14.5 6-6 6 6 6"/>`,
  right: svg`<path d="m9.5 6 6 6-6 6"/>`,
  search: svg`<circle cx="11" cy="11" r="6.5"/><path d="m16 16 4.5 4.5"/>`,
  spark: svg`<path d="M5 4.5h14A2.5 2.5 0 0 1 21.5 7v7.5a2.5 2.5 0 0 1-2.5 2.5h-6.5L8 20.8V17H5a2.5 2.5 0 0 1-2.5-2.5V7A2.5 2.5 0 0 1 5 4.5ZM7.5 9h9M7.5 12.5h5.5"/>`,
};

/** Draw an icon; what it means is said by the button around it. */
export function icon(name: keyof typeof PATHS): TemplateResult {
  return html`<svg class="icon" viewBox="0 0 24 24" aria-hidden="true" focusable="false">${PATHS[name]}</svg>`;
}
