// The list of chats.

import { css } from "lit";

export const sidebarStyles = css`
  :host {
    display: flex;
    flex-direction: column;
    min-height: 0;
    background: var(--_side-bg);
    color: var(--_side-text);
  }
  .head {
    display: flex;
    flex: none;
    align-items: center;
    gap: 4px;
    min-height: 60px;
    padding-inline: 16px 12px;
    background: var(--_side-head-bg);
    color: var(--_side-head-text);
  }
  h2 {
    flex: 1;
    margin: 0;
    min-width: 0;
    overflow: hidden;
    font-size: 17px;
    font-weight: 650;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .on-head,
  .on-head:hover:not(:disabled) {
    color: inherit;
  }
  .on-head:hover:not(:disabled) {
    background: color-mix(in srgb, currentColor 16%, transparent);
  }
  .on-head:focus-visible {
    outline-color: currentColor;
    outline-offset: -2px;
  }
  .close {
    order: 1;
  }
  .search {
    position: relative;
    flex: none;
    padding: 12px 12px 8px;
  }
  .search .icon {
    position: absolute;
    inset-block-start: 22px;
    inset-inline-start: 24px;
    width: 16px;
    height: 16px;
    color: var(--_side-subtext);
    pointer-events: none;
  }
  .search input {
    width: 100%;
    height: 36px;
    padding-inline: 36px 10px;
    border: 1px solid var(--_side-border);
    border-radius: var(--_control-radius);
    background: color-mix(in srgb, var(--_side-text) 4%, transparent);
    font-size: 14px;
  }
  .search input::placeholder {
    color: var(--_side-subtext);
    opacity: 1;
  }
  nav {
    flex: 1;
    min-height: 0;
    padding: 4px 8px 8px;
  }
  .section {
    margin: 4px 10px 6px;
    font-size: 12.5px;
    font-weight: 600;
    color: var(--_side-subtext);
  }
  mark {
    background: color-mix(in srgb, var(--_accent) 25%, transparent);
    color: inherit;
  }
  ul {
    margin: 0;
    padding: 0;
    list-style: none;
  }
  li {
    position: relative;
    border-radius: var(--_control-radius);
  }
  li + li::before {
    content: "";
    position: absolute;
    inset-block-start: 0;
    inset-inline: 12px;
    border-block-start: 1px solid color-mix(in srgb, var(--_side-item-border) 60%, transparent);
  }
  li:hover,
  li:focus-within {
    background: var(--_side-item-hover);
  }
  .chat {
    display: block;
    width: 100%;
    padding: 10px 12px;
    border-radius: inherit;
    line-height: 1.35;
  }
  .chat:focus-visible {
    outline-offset: -2px;
  }
  .line {
    display: flex;
    align-items: baseline;
    gap: 8px;
    min-height: 19px;
  }
  .title,
  .last {
    flex: 1;
    min-width: 0;
    overflow: hidden;
    text-overflow: ellipsis;
    white-space: nowrap;
  }
  .title {
    font-size: 14.5px;
    font-weight: 600;
  }
  .last {
    font-size: 13px;
    color: var(--_side-subtext);
  }
  time {
    flex: none;
    font-size: 12px;
    color: var(--_side-subtext);
  }
  .news .title {
    font-weight: 750;
  }
  .news .last {
    color: var(--_side-text);
  }
  .count {
    flex: none;
    min-width: 20px;
    padding: 1px 6px;
    border-radius: 10px;
    background: var(--_primary);
    color: var(--_out-text);
    font-size: 12px;
    font-weight: 700;
    line-height: 18px;
    text-align: center;
  }
  .options {
    position: absolute;
    inset-block-end: 6px;
    inset-inline-end: 8px;
    background: var(--_side-bg);
    opacity: 0;
  }
  li:hover .options,
  li:focus-within .options,
  .options[aria-expanded="true"] {
    opacity: 1;
  }
  @media (hover: none) {
    .options {
      opacity: 1;
      background: none;
    }
    .chat .line:last-child {
      padding-inline-end: 30px;
    }
  }
  .selected,
  .selected:hover,
  .selected:focus-within {
    background: var(--_side-item-selected);
    color: var(--_side-item-selected-text);
  }
  .selected .last,
  .selected time {
    color: var(--_side-item-selected-subtext);
  }
  .selected .options,
  .selected .options:hover:not(:disabled) {
    background: var(--_side-item-selected);
    color: var(--_side-item-selected-text);
  }
  .selected .chat:focus-visible,
  .selected .options:focus-visible {
    outline-color: currentColor;
    outline-offset: -3px;
  }
  .selected::before,
  .selected + li::before {
    display: none;
  }
  .rename {
    width: 100%;
    height: 40px;
    margin-block: 8px;
    padding-inline: 12px;
    border: 1px solid var(--_focus);
    border-radius: var(--_control-radius);
    background: var(--_bg);
    color: var(--_text);
  }
  .none {
    margin: 24px 12px;
    text-align: center;
    font-size: 14px;
    color: var(--_side-subtext);
  }
  .more {
    width: 100%;
    min-height: 36px;
    margin-block-start: 8px;
    border-radius: var(--_control-radius);
    font-size: 13.5px;
    font-weight: 600;
    text-align: center;
    color: var(--_side-subtext);
  }
  .more:hover,
  .end button:hover {
    background: var(--_side-item-hover);
  }
  .end {
    flex: none;
    padding: 8px;
    border-block-start: 1px solid var(--_side-border);
  }
  .end button {
    display: flex;
    align-items: center;
    gap: 10px;
    width: 100%;
    min-height: 40px;
    padding-inline: 12px;
    border-radius: var(--_control-radius);
    font-size: 14px;
    color: var(--_side-subtext);
  }
  .menu {
    position: fixed;
    inset: auto;
    min-width: 200px;
    margin: 0;
    padding: 6px;
    border: 1px solid var(--_border);
    border-radius: 12px;
    background: var(--_bg);
    color: var(--_text);
    box-shadow: var(--_shadow);
  }
  .menu button {
    display: flex;
    align-items: center;
    gap: 10px;
    width: 100%;
    min-height: 38px;
    padding-inline: 10px;
    border-radius: 8px;
    font-size: 14px;
  }
  .menu button:hover,
  .menu button:focus-visible {
    background: var(--_hover);
    outline-offset: -2px;
  }
  .menu .icon {
    width: 18px;
    height: 18px;
  }
  .menu .danger {
    color: var(--_bad);
  }
  @container (min-width: 720.02px) {
    .narrow-only {
      display: none;
    }
  }
`;
