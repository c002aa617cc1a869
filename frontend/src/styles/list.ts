// The column of messages, and what stands in it while there are none.

import { css } from "lit";

export const listStyles = css`
  :host {
    position: relative;
    display: block;
    min-height: 0;
    flex: 1;
  }
  .scroller {
    height: 100%;
  }
  .scroller:focus-visible {
    outline-offset: -2px;
  }
  .column {
    display: flex;
    flex-direction: column;
    min-height: 100%;
    max-width: 816px;
    margin-inline: auto;
    padding: 20px 24px 12px;
  }
  .log {
    display: flex;
    flex-direction: column;
  }
  .row {
    margin-block-start: 16px;
    /* Rows that are laid out only once they are seen make whoever scrolls fast wait for each of them. */
    contain: content;
  }
  .row.found {
    border-radius: var(--_bubble-radius);
    background: color-mix(in srgb, var(--_accent) 14%, transparent);
    box-shadow: 0 0 0 8px color-mix(in srgb, var(--_accent) 14%, transparent);
  }
  .row.follows {
    margin-block-start: 2px;
  }
  .day {
    display: flex;
    align-items: center;
    justify-content: center;
    margin-block: 20px 4px;
    font-size: 12.5px;
    font-weight: 600;
    color: var(--_secondary);
  }
  .log > .day:first-child {
    margin-block-start: 0;
  }
  .quiet {
    min-height: 36px;
    padding: 6px 16px;
    border: 1px solid var(--_border);
    border-radius: 999px;
    font-size: 13.5px;
    font-weight: 600;
  }
  .quiet:hover:not(:disabled) {
    background: var(--_hover);
  }
  .older {
    align-self: center;
    margin-block-end: 12px;
    color: var(--_secondary);
  }
  .jump {
    position: absolute;
    inset-block-end: 12px;
    inset-inline-start: 50%;
    display: inline-flex;
    align-items: center;
    gap: 8px;
    min-width: 40px;
    min-height: 40px;
    justify-content: center;
    padding-inline: 10px;
    border: 1px solid var(--_border);
    border-radius: 999px;
    background: var(--_bg);
    color: var(--_text);
    font-size: 13.5px;
    font-weight: 600;
    box-shadow: var(--_shadow);
    transform: translateX(-50%);
  }
  :host(:dir(rtl)) .jump {
    transform: translateX(50%);
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
    font-size: 24px;
    font-weight: 650;
    line-height: 1.25;
    letter-spacing: -0.01em;
    color: var(--_text);
    text-wrap: balance;
  }
  .empty p {
    margin: 0 0 8px;
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
  slot[name="empty"] {
    display: flex;
    flex: 1;
    flex-direction: column;
  }
  .typing {
    display: flex;
    align-items: center;
    min-height: 44px;
    margin-block-start: 12px;
  }
  .dots {
    display: inline-flex;
    gap: 5px;
    padding: 14px 16px;
    border-radius: var(--_bubble-radius);
    background: var(--_in-bg);
  }
  .dots i {
    width: 7px;
    height: 7px;
    border-radius: 50%;
    background: var(--_secondary);
    animation: bounce 1.2s ease-in-out infinite;
  }
  .dots i:nth-child(2) {
    animation-delay: 150ms;
  }
  .dots i:nth-child(3) {
    animation-delay: 300ms;
  }
  @keyframes bounce {
    0%,
    60%,
    100% {
      opacity: 0.4;
    }
    30% {
      opacity: 1;
      transform: translateY(-3px);
    }
  }
  .skeleton {
    display: flex;
    flex-direction: column;
    gap: 18px;
  }
  .skeleton i {
    width: 45%;
    height: 44px;
    border-radius: var(--_bubble-radius);
    background: var(--_in-bg);
    animation: breathe 1.4s ease-in-out infinite;
  }
  .skeleton .long {
    width: 70%;
    height: 88px;
  }
  .skeleton .end {
    align-self: flex-end;
    width: 30%;
  }
  @keyframes breathe {
    50% {
      opacity: 0.5;
    }
  }
  @container (max-width: 720px) {
    .column {
      padding: 14px 14px 8px;
    }
    .jump {
      inset-block-end: 8px;
    }
  }
`;
