// Colours, lengths and type. What a page may set has its documented name, --unicom-…; what elements use begins with --_.

import { css } from "lit";

/**
 * On the host: the documented variables with their defaults.
 *
 * A default is written where it is used, never as a value of the documented name: so a page's value wins from any rule.
 */
export const tokens = css`
  .root {
    --_primary: var(--unicom-primary-color, var(--_d-primary));
    --_secondary: var(--unicom-secondary-color, var(--_d-secondary));
    --_bg: var(--unicom-background-color, var(--_d-bg));
    --_text: var(--unicom-text-color, var(--_d-text));
    --_border: var(--unicom-border-color, var(--_d-border));
    --_radius: var(--unicom-border-radius, 0px);
    --_bubble-radius: var(--unicom-bubble-radius, 16px);
    --_control-radius: var(--unicom-control-radius, 12px);
    --_media-radius: var(--unicom-media-radius, 12px);
    --_in-bg: var(--unicom-message-bg-incoming, var(--_d-in-bg));
    --_out-bg: var(--unicom-message-bg-outgoing, var(--_d-out-bg));
    --_in-text: var(--unicom-message-text-incoming, var(--_d-in-text));
    --_out-text: var(--unicom-message-text-outgoing, #ffffff);
    --_scroll-track: var(--unicom-scrollbar-track, var(--_d-scroll-track));
    --_scroll-thumb: var(--unicom-scrollbar-thumb, var(--_d-scroll-thumb));
    --_side-bg: var(--unicom-sidebar-bg, var(--_bg));
    --_side-border: var(--unicom-sidebar-border-color, var(--_border));
    --_side-text: var(--unicom-sidebar-text-color, var(--_text));
    --_side-subtext: var(--unicom-sidebar-secondary-text, var(--_secondary));
    --_side-head-bg: var(--unicom-sidebar-header-bg, var(--_primary));
    --_side-head-text: var(--unicom-sidebar-header-text, #ffffff);
    --_side-item-border: var(--unicom-sidebar-item-border, var(--_border));
    --_side-item-hover: var(--unicom-sidebar-item-hover, var(--_d-hover));
    --_side-item-selected: var(--unicom-sidebar-item-selected, var(--_primary));
    --_side-item-selected-text: var(--unicom-sidebar-item-selected-text, #ffffff);
    --_side-item-selected-subtext: var(--unicom-sidebar-item-selected-subtext, var(--_d-selected-subtext));
    --_font: var(--unicom-font-family, system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif);
    --_mono: ui-monospace, SFMono-Regular, Menlo, Consolas, "Liberation Mono", "DejaVu Sans Mono", monospace;

    --_hover: color-mix(in srgb, var(--_text) 7%, transparent);
    --_pressed: color-mix(in srgb, var(--_text) 12%, transparent);
    --_raised: color-mix(in srgb, var(--_bg) 96%, var(--_text));
    --_accent: var(--unicom-primary-color, var(--_d-accent));
    --_focus: var(--unicom-primary-color, var(--_d-accent));
    --_code-bg: color-mix(in srgb, var(--_in-text) 7%, transparent);
    --_shadow: 0 1px 2px rgb(0 0 0 / 6%), 0 4px 16px rgb(0 0 0 / 8%);

    --_d-primary: #0069d9;
    --_d-accent: #0062cc;
    --_d-secondary: #5f6872;
    --_d-bg: #ffffff;
    --_d-text: #212529;
    --_d-border: #dee2e6;
    --_d-in-bg: #f1f3f4;
    --_d-in-text: #212529;
    --_d-out-bg: var(--_primary);
    --_d-scroll-track: rgba(0, 0, 0, 0.04);
    --_d-scroll-thumb: rgba(0, 0, 0, 0.18);
    --_d-hover: rgba(0, 0, 0, 0.03);
    --_d-selected-subtext: rgba(255, 255, 255, 0.9);
    --_good: #157347;
    --_warn: #b76e00;
    --_bad: #c02b3a;
    --_bad-bg: #fdecee;
    --_code-string: #0a6b3d;
    --_code-number: #9a4a00;
    --_code-word: #a1267a;
    --_code-call: #1457a8;
    color-scheme: light;
  }

  .root.dark {
    --_d-primary: #1a73e0;
    --_d-accent: #6cb2ff;
    --_d-secondary: #a3adb8;
    --_d-bg: #1b1d21;
    --_d-text: #e8eaed;
    --_d-border: #363b42;
    --_d-in-bg: #2a2e34;
    --_d-in-text: #e8eaed;
    --_d-out-bg: #1967c9;
    --_d-scroll-track: rgba(255, 255, 255, 0.04);
    --_d-scroll-thumb: rgba(255, 255, 255, 0.22);
    --_d-hover: rgba(255, 255, 255, 0.05);
    --_side-head-bg: var(--unicom-sidebar-header-bg, var(--unicom-primary-color, #22262c));
    --_side-item-selected: var(--unicom-sidebar-item-selected, var(--unicom-primary-color, #1f5fae));
    --_shadow: 0 1px 2px rgb(0 0 0 / 30%), 0 6px 20px rgb(0 0 0 / 35%);
    --_good: #5dd39e;
    --_warn: #f5b942;
    --_bad: #ff8a94;
    --_bad-bg: #44242a;
    --_code-string: #8fd6a5;
    --_code-number: #f0b27a;
    --_code-word: #f097c8;
    --_code-call: #8fc1ff;
    color-scheme: dark;
  }
`;

/** What every shadow root of ours begins with. */
export const base = css`
  *,
  *::before,
  *::after {
    box-sizing: border-box;
  }
  [hidden] {
    display: none !important;
  }
  button,
  input,
  textarea {
    font: inherit;
    color: inherit;
    letter-spacing: inherit;
  }
  button {
    margin: 0;
    padding: 0;
    border: 0;
    background: none;
    cursor: pointer;
    text-align: inherit;
    -webkit-tap-highlight-color: transparent;
  }
  button:disabled {
    cursor: default;
  }
  :focus {
    outline: none;
  }
  :focus-visible {
    outline: 2px solid var(--_focus);
    outline-offset: 2px;
  }
  .icon {
    display: block;
    flex: none;
    width: 20px;
    height: 20px;
    fill: none;
    stroke: currentColor;
    stroke-width: 1.7;
    stroke-linecap: round;
    stroke-linejoin: round;
  }
  .icon-button {
    display: inline-grid;
    flex: none;
    place-items: center;
    width: 36px;
    height: 36px;
    border-radius: min(var(--_control-radius), 18px);
    color: var(--_secondary);
    transition: background-color 120ms, color 120ms;
  }
  .icon-button:hover:not(:disabled) {
    background: var(--_hover);
    color: var(--_text);
  }
  .icon-button:active:not(:disabled) {
    background: var(--_pressed);
  }
  .icon-button.small {
    width: 28px;
    height: 28px;
    border-radius: 8px;
  }
  .icon-button.small .icon {
    width: 16px;
    height: 16px;
  }
  .hidden-text {
    position: absolute;
    width: 1px;
    height: 1px;
    margin: -1px;
    overflow: hidden;
    clip-path: inset(50%);
    white-space: nowrap;
  }
  .scroller {
    overflow-y: auto;
    scrollbar-width: thin;
    scrollbar-color: var(--_scroll-thumb) var(--_scroll-track);
    overscroll-behavior: contain;
  }
  @media (prefers-reduced-motion: reduce) {
    *,
    *::before,
    *::after {
      animation-duration: 1ms !important;
      animation-iteration-count: 1 !important;
      transition-duration: 1ms !important;
      scroll-behavior: auto !important;
    }
  }
`;
