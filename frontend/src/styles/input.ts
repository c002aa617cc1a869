// Where a message is written.

import { css } from "lit";

export const inputStyles = css`
  :host {
    display: block;
  }
  .box {
    border: 1px solid var(--_border);
    border-radius: calc(var(--_control-radius) + 12px);
    background: var(--_raised);
    transition: border-color 120ms, box-shadow 120ms;
  }
  .box:focus-within {
    border-color: color-mix(in srgb, var(--_focus) 60%, var(--_border));
    box-shadow: 0 0 0 3px color-mix(in srgb, var(--_focus) 14%, transparent);
  }
  .row {
    display: flex;
    align-items: flex-end;
    gap: 4px;
    min-height: 52px;
    padding: 7px;
  }
  .row > .icon-button {
    width: 38px;
    height: 38px;
    border-radius: 50%;
  }
  textarea {
    flex: 1;
    min-width: 0;
    max-height: min(220px, 40vh);
    margin: 0;
    padding: 7px 4px;
    border: 0;
    background: none;
    font-size: 16px;
    line-height: 24px;
    resize: none;
    field-sizing: content;
    scrollbar-width: thin;
  }
  textarea:focus-visible {
    outline: none;
  }
  textarea::placeholder {
    color: var(--_secondary);
    opacity: 1;
  }
  .send {
    display: grid;
    flex: none;
    place-items: center;
    width: 38px;
    height: 38px;
    border-radius: 50%;
    background: var(--_primary);
    color: var(--_out-text);
    transition: background-color 120ms, opacity 120ms;
  }
  .send:hover:not(:disabled) {
    background: color-mix(in srgb, var(--_primary) 88%, black);
  }
  .send:disabled {
    background: var(--_pressed);
    color: var(--_secondary);
  }
  .recording .row {
    align-items: center;
  }
  .lamp {
    flex: none;
    width: 10px;
    height: 10px;
    border-radius: 50%;
    background: var(--_bad);
    animation: glow 1.2s ease-in-out infinite;
  }
  @keyframes glow {
    50% {
      opacity: 0.3;
    }
  }
  .clock {
    min-width: 42px;
    font-variant-numeric: tabular-nums;
  }
  .meter {
    flex: 1;
    min-width: 0;
    height: 24px;
    color: var(--_accent);
  }
`;
