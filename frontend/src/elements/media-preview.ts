// The files that will go with the message: a small picture or a kind, a name, a size, and a way to change one's mind.

import { css, html, LitElement, nothing, type TemplateResult } from "lit";
import { property } from "lit/decorators.js";
import { icon } from "../icons.js";
import { Language } from "../language.js";
import { base } from "../styles/tokens.js";

const SIDE_PX = 96;

/** Show files before they are sent. Fires `remove-file` with the file. */
export class MediaPreview extends LitElement {
  static override styles = [
    base,
    css`
      :host {
        display: block;
      }
      ul {
        display: flex;
        flex-wrap: wrap;
        gap: 8px;
        margin: 0;
        padding: 8px 8px 0;
        list-style: none;
      }
      li {
        display: flex;
        align-items: center;
        gap: 10px;
        max-width: min(100%, 260px);
        padding: 6px;
        border: 1px solid var(--_border);
        border-radius: 12px;
        background: var(--_bg);
      }
      canvas,
      .kind {
        flex: none;
        width: 44px;
        height: 44px;
        border-radius: 8px;
      }
      .kind {
        display: grid;
        place-items: center;
        background: var(--_hover);
        color: var(--_secondary);
      }
      .text {
        min-width: 0;
        line-height: 1.3;
      }
      .name {
        display: block;
        overflow: hidden;
        font-size: 13.5px;
        font-weight: 600;
        text-overflow: ellipsis;
        white-space: nowrap;
      }
      .size {
        font-size: 12px;
        color: var(--_secondary);
      }
    `,
  ];

  @property({ attribute: false }) files: File[] = [];
  @property({ attribute: false }) language = new Language("en");
  private readonly pictures = new WeakMap<File, ImageBitmap | null>();

  protected override render(): TemplateResult | typeof nothing {
    if (this.files.length === 0) return nothing;
    const { say } = this.language;
    return html`<ul aria-label=${say("attachments")}>
      ${this.files.map((file) => {
        const label = say("removeFile", { name: file.name });
        return html`<li>
          ${this.renderPicture(file)}
          <span class="text">
            <bdi class="name" title=${file.name}>${file.name}</bdi>
            <span class="size">${this.language.sizeOf(file.size)}</span>
          </span>
          <button class="icon-button small" type="button" aria-label=${label} title=${label}
            @click=${() => this.dispatchEvent(new CustomEvent("remove-file", { detail: file, bubbles: true, composed: true }))}>
            ${icon("close")}
          </button>
        </li>`;
      })}
    </ul>`;
  }

  protected override updated(): void {
    for (const canvas of this.renderRoot.querySelectorAll<HTMLCanvasElement & { picture?: ImageBitmap }>("canvas")) {
      const { picture } = canvas;
      if (!picture) continue;
      const scale = Math.max(SIDE_PX / picture.width, SIDE_PX / picture.height);
      const [width, height] = [picture.width * scale, picture.height * scale];
      canvas.getContext("2d")?.drawImage(picture, (SIDE_PX - width) / 2, (SIDE_PX - height) / 2, width, height);
    }
  }

  /** Drawn on a canvas: an image of a blob would need the page's policy to allow blobs. */
  private renderPicture(file: File): TemplateResult {
    const picture = this.pictures.get(file);
    if (picture === undefined && file.type.startsWith("image/")) void this.load(file);
    if (picture)
      return html`<canvas width=${SIDE_PX} height=${SIDE_PX} .picture=${picture} aria-hidden="true"></canvas>`;
    return html`<span class="kind">${icon(file.type.startsWith("audio/") ? "mic" : "file")}</span>`;
  }

  private async load(file: File): Promise<void> {
    this.pictures.set(file, null);
    try {
      this.pictures.set(file, await createImageBitmap(file));
    } catch {
      return; // it calls itself a picture, and is none that this browser knows
    }
    this.requestUpdate();
  }
}
