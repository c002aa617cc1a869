// One message.

import { css } from "lit";

export const messageStyles = css`
  :host {
    display: block;
    --_gap: 4px;
  }
  .message {
    display: flex;
    flex-direction: column;
    align-items: flex-start;
    gap: 4px;
    min-width: 0;
  }
  .mine {
    align-items: flex-end;
  }
  .sender {
    padding-inline: 4px;
    font-size: 13px;
    font-weight: 600;
    color: var(--_secondary);
  }
  .bubble {
    min-width: 0;
    max-width: 100%;
    padding: 10px 16px;
    border-radius: var(--_bubble-radius);
    background: var(--_in-bg);
    color: var(--_in-text);
    line-height: 1.55;
    overflow-wrap: anywhere;
  }
  .theirs .bubble {
    border-start-start-radius: min(var(--_bubble-radius), 6px);
  }
  .mine .bubble {
    max-width: min(85%, 640px);
    background: var(--_out-bg);
    color: var(--_out-text);
    border-end-end-radius: min(var(--_bubble-radius), 6px);
  }
  .bubble.bare {
    padding: 0;
    background: none;
  }
  .failed .bubble {
    box-shadow: 0 0 0 1px var(--_bad);
  }
  .plain {
    margin: 0;
    white-space: pre-wrap;
  }
  .plain a,
  .prose a {
    color: inherit;
    text-decoration: underline;
    text-underline-offset: 2px;
    text-decoration-thickness: 1px;
  }
  .theirs .prose a,
  .theirs .plain a {
    color: var(--_accent);
  }
  .foot {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    gap: 2px;
    min-height: 28px;
    padding-inline: 4px;
    font-size: 12px;
    color: var(--_secondary);
  }
  .mine .foot {
    flex-direction: row-reverse;
  }
  .pending .foot,
  .failed .foot {
    flex-direction: row;
    justify-content: flex-end;
  }
  .foot time,
  .foot .mark {
    margin-inline-end: 4px;
  }
  .foot .mark {
    display: inline-flex;
    align-items: center;
    gap: 3px;
  }
  .foot .mark .icon {
    width: 14px;
    height: 14px;
  }
  .tools {
    display: inline-flex;
    align-items: center;
    opacity: 0;
    transition: opacity 120ms;
  }
  .message:hover .tools,
  .message:focus-within .tools,
  .tools.shown {
    opacity: 1;
  }
  @media (hover: none) {
    .tools {
      opacity: 1;
    }
  }
  .versions {
    display: inline-flex;
    align-items: center;
    font-variant-numeric: tabular-nums;
  }
  [dir="rtl"] .flip {
    transform: scaleX(-1);
  }
  .error {
    color: var(--_bad);
    font-weight: 600;
  }
  .choices {
    display: inline-flex;
    white-space: nowrap;
  }
  .text-button {
    min-height: 28px;
    padding: 2px 8px;
    border-radius: 8px;
    color: var(--_accent);
    font-weight: 600;
  }
  .text-button:hover {
    background: var(--_hover);
  }

  /* Tool progress and other lines between messages */
  .note {
    display: flex;
    align-items: center;
    gap: 8px;
    margin: 0;
    padding: 2px 4px;
    font-size: 13.5px;
    color: var(--_secondary);
  }
  .note .icon {
    width: 16px;
    height: 16px;
  }
  .note.done .icon {
    color: var(--_good);
  }
  .note.failed .icon {
    color: var(--_bad);
  }
  .spinner {
    flex: none;
    width: 14px;
    height: 14px;
    border: 2px solid var(--_border);
    border-block-start-color: var(--_accent);
    border-radius: 50%;
    animation: turn 800ms linear infinite;
  }
  @keyframes turn {
    to {
      transform: rotate(1turn);
    }
  }

  /* Buttons */
  .actions {
    display: flex;
    flex-direction: column;
    gap: 8px;
    margin-block-start: 4px;
    max-width: 100%;
  }
  .actions > div {
    display: flex;
    flex-wrap: wrap;
    gap: 8px;
  }
  .action {
    display: inline-flex;
    align-items: center;
    justify-content: center;
    gap: 6px;
    min-height: 40px;
    max-width: 100%;
    padding: 8px 16px;
    border: 1px solid color-mix(in srgb, var(--_accent) 45%, var(--_border));
    border-radius: var(--_control-radius);
    background: var(--_bg);
    color: var(--_accent);
    font-size: 14px;
    font-weight: 600;
    line-height: 1.3;
    text-decoration: none;
    overflow-wrap: anywhere;
    transition: background-color 120ms;
  }
  .action:hover:not(:disabled) {
    background: color-mix(in srgb, var(--_accent) 9%, var(--_bg));
  }
  .action[data-style="primary"],
  .action[data-style="success"] {
    border-color: transparent;
    background: var(--_primary);
    color: var(--_out-text);
  }
  .action[data-style="primary"]:hover:not(:disabled),
  .action[data-style="success"]:hover:not(:disabled) {
    background: color-mix(in srgb, var(--_primary) 88%, black);
  }
  .action[data-style="danger"] {
    border-color: color-mix(in srgb, var(--_bad) 50%, var(--_border));
    color: var(--_bad);
  }
  .action:disabled {
    border-color: var(--_border);
    background: none;
    color: var(--_secondary);
  }
  .action .icon {
    width: 16px;
    height: 16px;
  }

  /* Media */
  .media {
    display: block;
    max-width: 100%;
    border-radius: var(--_media-radius);
  }
  .media + .plain,
  .media + .prose {
    margin-block-start: 8px;
  }
  .picture {
    max-width: min(100%, 420px);
    overflow: hidden;
    background: var(--_code-bg);
    line-height: 0;
  }
  .picture img {
    display: block;
    width: auto;
    max-width: 100%;
    max-height: 360px;
    border-radius: var(--_media-radius);
    object-fit: cover;
  }
  audio.media {
    width: min(320px, 70cqi);
    height: 44px;
  }
  video.media {
    max-height: 360px;
    background: black;
  }
  .file {
    display: inline-flex;
    align-items: center;
    gap: 10px;
    padding: 10px 14px;
    border: 1px solid color-mix(in srgb, currentColor 22%, transparent);
    color: inherit;
    font-weight: 600;
    text-decoration: none;
  }
  .progress {
    display: block;
    width: 100%;
    height: 4px;
    margin-block-start: 8px;
    border: 0;
    border-radius: 2px;
    overflow: hidden;
    background: color-mix(in srgb, currentColor 25%, transparent);
    accent-color: currentColor;
    appearance: none;
  }
  .progress::-webkit-progress-bar {
    background: transparent;
  }
  .progress::-webkit-progress-value {
    background: currentColor;
  }
  .progress::-moz-progress-bar {
    background: currentColor;
  }

  /* Editing */
  .editor {
    display: grid;
    gap: 8px;
    width: min(100%, 640px);
    padding: 12px;
    border-radius: var(--_bubble-radius);
    background: var(--_in-bg);
    color: var(--_in-text);
  }
  .editor:focus-within {
    box-shadow: 0 0 0 2px var(--_focus);
  }
  .editor textarea:focus-visible {
    outline: none;
  }
  .editor textarea {
    width: 100%;
    min-height: 64px;
    max-height: 320px;
    padding: 4px;
    border: 0;
    background: none;
    line-height: 1.5;
    resize: vertical;
    field-sizing: content;
  }
  .editor-row {
    display: flex;
    flex-wrap: wrap;
    align-items: center;
    justify-content: flex-end;
    gap: 8px;
  }
  .hint {
    flex: 1 1 160px;
    font-size: 12px;
    color: var(--_secondary);
  }
  .button {
    min-height: 36px;
    padding: 6px 14px;
    border: 1px solid var(--_border);
    border-radius: var(--_control-radius);
    background: var(--_bg);
    color: var(--_text);
    font-size: 14px;
    font-weight: 600;
  }
  .button.primary {
    border-color: transparent;
    background: var(--_primary);
    color: var(--_out-text);
  }
`;
