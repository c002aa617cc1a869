// What is written in a message: Markdown, code, tables.

import { css } from "lit";

export const proseStyles = css`
  .prose > :first-child,
  .prose > .block:first-child > :first-child {
    margin-block-start: 0;
  }
  .prose > :last-child,
  .prose > .block:last-child > :last-child {
    margin-block-end: 0;
  }
  .prose .block {
    display: contents;
  }
  .prose p,
  .prose ul,
  .prose ol,
  .prose blockquote,
  .prose dl {
    margin-block: 0 12px;
  }
  .prose ul,
  .prose ol {
    padding-inline-start: 24px;
  }
  .prose li + li,
  .prose li > ul,
  .prose li > ol {
    margin-block: 4px 0;
  }
  .prose li > p {
    margin-block-end: 4px;
  }
  .prose h1,
  .prose h2,
  .prose h3,
  .prose h4,
  .prose h5,
  .prose h6 {
    margin-block: 20px 8px;
    font-size: 16px;
    font-weight: 650;
    line-height: 1.3;
  }
  .prose h1 {
    font-size: 21px;
  }
  .prose h2 {
    font-size: 18.5px;
  }
  .prose blockquote {
    margin-inline: 0;
    padding-inline-start: 14px;
    border-inline-start: 3px solid color-mix(in srgb, currentColor 25%, transparent);
    opacity: 0.9;
  }
  .prose hr {
    margin-block: 18px;
    border: 0;
    border-block-start: 1px solid color-mix(in srgb, currentColor 20%, transparent);
  }
  .prose img {
    max-width: 100%;
    border-radius: var(--_media-radius);
  }
  .prose code,
  .prose kbd,
  .prose samp {
    padding: 0.15em 0.4em;
    border-radius: 6px;
    background: var(--_code-bg);
    font-family: var(--_mono);
    font-size: 0.88em;
  }
  .prose pre code {
    padding: 0;
    background: none;
    font-size: inherit;
  }
  .prose pre {
    margin: 0;
    padding: 14px 16px;
    overflow-x: auto;
    font-family: var(--_mono);
    font-size: 13.5px;
    line-height: 1.55;
    overflow-wrap: normal;
    tab-size: 4;
    scrollbar-width: thin;
  }
  .code {
    margin-block: 0 12px;
    border: 1px solid color-mix(in srgb, var(--_in-text) 14%, transparent);
    border-radius: min(var(--_media-radius), 12px);
    background: color-mix(in srgb, var(--_bg) 55%, var(--_in-bg));
    overflow: hidden;
  }
  .code-head {
    display: flex;
    align-items: center;
    justify-content: space-between;
    min-height: 34px;
    padding-inline: 16px 4px;
    border-block-end: 1px solid color-mix(in srgb, var(--_in-text) 10%, transparent);
    font-size: 12px;
    color: var(--_secondary);
  }
  .code-head button {
    display: inline-flex;
    align-items: center;
    gap: 6px;
    min-height: 28px;
    padding-inline: 8px;
    border-radius: 8px;
  }
  .code-head button:hover {
    background: var(--_hover);
    color: var(--_in-text);
  }
  .code-head .icon {
    width: 15px;
    height: 15px;
  }
  .c-comment {
    color: var(--_secondary);
    font-style: italic;
  }
  .c-string {
    color: var(--_code-string);
  }
  .c-number,
  .c-constant {
    color: var(--_code-number);
  }
  .c-word {
    color: var(--_code-word);
  }
  .c-call {
    color: var(--_code-call);
  }
  .table {
    margin-block: 0 12px;
    overflow-x: auto;
  }
  .prose table {
    border-collapse: collapse;
    font-size: 14px;
    line-height: 1.4;
  }
  .prose th,
  .prose td {
    padding: 8px 14px 8px 0;
    border-block-end: 1px solid color-mix(in srgb, var(--_in-text) 16%, transparent);
    text-align: start;
    vertical-align: top;
    overflow-wrap: normal;
  }
  .prose th {
    font-weight: 650;
    white-space: nowrap;
  }
  .caret > :last-child > p:last-child::after,
  .caret > :last-child > ul:last-child > li:last-child::after,
  .caret > :last-child > ol:last-child > li:last-child::after,
  .caret:empty::after {
    content: "";
    display: inline-block;
    width: 9px;
    height: 9px;
    margin-inline-start: 4px;
    border-radius: 50%;
    background: currentColor;
    animation: pulse 1s ease-in-out infinite;
  }
  @keyframes pulse {
    50% {
      opacity: 0.25;
    }
  }
`;
