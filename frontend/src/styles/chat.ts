// The chat as a whole: the list beside the conversation, or over it where there is little room.

import { css } from "lit";

export const chatStyles = css`
  :host {
    display: block;
    height: 600px;
    min-width: 0;
    container-type: inline-size;
    contain: layout style;
  }
  :host([hidden]) {
    display: none;
  }
  .root {
    height: 100%;
    overflow: hidden;
    border: 1px solid var(--_border);
    border-radius: var(--_radius);
    background: var(--_bg);
    color: var(--_text);
    font-family: var(--_font);
    font-size: 16px;
    line-height: 1.5;
    text-align: start;
    -webkit-font-smoothing: antialiased;
  }
  .split {
    position: relative;
    display: grid;
    grid-template-columns: clamp(240px, 26%, 320px) minmax(0, 1fr);
    height: 100%;
    overflow: hidden;
  }
  .side {
    border-inline-end: 1px solid var(--_side-border);
  }
  .pane {
    position: relative;
    display: flex;
    flex-direction: column;
    min-width: 0;
    height: 100%;
    min-height: 0;
  }
  .head {
    display: flex;
    flex: none;
    align-items: center;
    gap: 8px;
    min-height: 60px;
    padding-inline: 24px 16px;
    border-block-end: 1px solid var(--_border);
  }
  .head.slim {
    justify-content: flex-end;
    min-height: 40px;
    border: 0;
  }
  h1 {
    flex: 1;
    min-width: 0;
    margin: 0;
    overflow: hidden;
    font-size: 16px;
    font-weight: 650;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .connection {
    display: inline-flex;
    flex: none;
    align-items: center;
    gap: 7px;
    margin: 0;
    padding: 4px 10px;
    border-radius: 999px;
    background: color-mix(in srgb, var(--_tone, var(--_secondary)) 10%, transparent);
    font-size: 12px;
    font-weight: 600;
    line-height: 16px;
    color: var(--_secondary);
  }
  .connection i {
    width: 8px;
    height: 8px;
    border-radius: 50%;
    background: var(--_tone, var(--_secondary));
  }
  .connection.live {
    --_tone: var(--_good);
  }
  .connection.polling {
    --_tone: var(--_warn);
  }
  .connection.offline {
    --_tone: var(--_bad);
  }
  .below {
    flex: none;
    width: 100%;
    max-width: 816px;
    margin-inline: auto;
    padding: 4px 24px 20px;
  }
  .notice,
  .hint {
    display: flex;
    align-items: center;
    gap: 8px;
    margin: 0 0 8px;
    padding: 8px 8px 8px 14px;
    padding-inline: 14px 8px;
    border-radius: var(--_control-radius);
    background: var(--_text);
    color: var(--_bg);
    font-size: 14px;
    line-height: 1.4;
  }
  .notice > span {
    flex: 1;
    min-width: 0;
    overflow-wrap: anywhere;
  }
  .notice.error {
    background: var(--_bad-bg);
    color: var(--_text);
  }
  .notice .icon-button,
  .notice .icon-button:hover:not(:disabled) {
    color: inherit;
  }
  .notice .text {
    flex: none;
    min-height: 32px;
    padding-inline: 10px;
    border-radius: 8px;
    font-weight: 700;
    text-decoration: underline;
    text-underline-offset: 3px;
  }
  .notice :focus-visible {
    outline-color: currentColor;
  }
  .hint {
    background: var(--_bad-bg);
    color: var(--_text);
  }
  .hint .icon {
    width: 18px;
    height: 18px;
    color: var(--_bad);
  }
  .drop {
    position: absolute;
    inset: 8px;
    display: flex;
    flex-direction: column;
    align-items: center;
    justify-content: center;
    gap: 8px;
    border: 2px dashed var(--_accent);
    border-radius: 16px;
    background: color-mix(in srgb, var(--_bg) 90%, var(--_accent));
    color: var(--_accent);
    font-weight: 650;
    pointer-events: none;
  }
  .empty {
    display: flex;
    flex: 1;
    flex-direction: column;
    align-items: center;
    justify-content: center;
    gap: 8px;
    padding-block: 32px;
    text-align: center;
    color: var(--_secondary);
  }
  .empty h2 {
    margin: 8px 0 0;
    font-size: 26px;
    font-weight: 650;
    line-height: 1.25;
    letter-spacing: -0.015em;
    color: var(--_text);
    text-wrap: balance;
  }
  .empty p {
    margin: 0;
  }
  .empty-mark {
    display: grid;
    place-items: center;
    width: 56px;
    height: 56px;
    border-radius: 18px;
    background: color-mix(in srgb, var(--_accent) 12%, var(--_bg));
    color: var(--_accent);
  }
  .empty-mark .icon {
    width: 28px;
    height: 28px;
  }
  .suggestions {
    display: flex;
    flex-wrap: wrap;
    justify-content: center;
    gap: 8px;
    margin-block-start: 16px;
  }
  .suggestions button {
    min-height: 40px;
    padding: 8px 16px;
    border: 1px solid var(--_border);
    border-radius: 999px;
    color: var(--_text);
    font-size: 14.5px;
    transition: background-color 120ms;
  }
  .suggestions button:hover {
    background: var(--_hover);
  }
  .opener {
    position: relative;
  }
  .dot {
    position: absolute;
    inset-block-start: 6px;
    inset-inline-end: 5px;
    width: 9px;
    height: 9px;
    border: 2px solid var(--_bg);
    border-radius: 50%;
    background: var(--_bad);
  }
  .veil {
    display: none;
  }
  @container (min-width: 720.02px) {
    .narrow-only {
      display: none;
    }
  }
  @container (max-width: 720px) {
    .split {
      grid-template-columns: minmax(0, 1fr);
    }
    .side {
      position: absolute;
      inset-block: 0;
      inset-inline-start: 0;
      z-index: 2;
      width: min(320px, 86%);
      visibility: hidden;
      transform: translateX(-102%);
      transition: transform 200ms ease-out, visibility 0s 200ms;
    }
    [dir="rtl"] .side {
      transform: translateX(102%);
    }
    .open > .side,
    [dir="rtl"] .open > .side {
      visibility: visible;
      transform: none;
      transition: transform 200ms ease-out;
      box-shadow: var(--_shadow);
    }
    .veil {
      position: absolute;
      inset: 0;
      z-index: 1;
      display: block;
      background: rgb(0 0 0 / 45%);
      visibility: hidden;
      opacity: 0;
      transition: opacity 200ms, visibility 0s 200ms;
    }
    .open > .veil {
      visibility: visible;
      opacity: 1;
      transition: opacity 200ms;
    }
    .head {
      min-height: 54px;
      padding-inline: 8px;
    }
    .head.slim {
      padding-inline: 12px;
    }
    .below {
      padding: 2px 10px 10px;
    }
    .connection {
      padding: 5px;
    }
    .connection.live span,
    .connection.polling span {
      position: absolute;
      width: 1px;
      height: 1px;
      overflow: hidden;
      clip-path: inset(50%);
      white-space: nowrap;
    }
  }
`;
