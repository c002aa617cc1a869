// Where a message is written: text that grows, files, a voice recording, and the button that sends.

import { LitElement, nothing, type PropertyValues, type TemplateResult } from "lit";
import { property, query, state } from "lit/decorators.js";
import { html } from "lit/static-html.js";
import { icon } from "../icons.js";
import { Language } from "../language.js";
import { canRecord, Recorder } from "../recorder.js";
import { define } from "../registry.js";
import { inputStyles } from "../styles/input.js";
import { base } from "../styles/tokens.js";
import { MediaPreview } from "./media-preview.js";

const mediaPreview = define("media-preview", MediaPreview);
const BARS = 48;
const BAR_MS = 80;

/**
 * Take a message.
 *
 * Fires `send-message` `{text, files}`, `voice-recorded` `{file, seconds}`, `writing`, `stop-answer` and `notice`.
 */
export class MessageInput extends LitElement {
  static override styles = [base, inputStyles];

  @property({ attribute: false }) language = new Language("en");
  @property() placeholder = "";
  /** An answer is being written, and can be stopped. */
  @property({ type: Boolean }) answering = false;
  @state() files: File[] = [];
  @state() private text = "";
  @state() private recorder: Recorder | null = null;
  @state() private seconds = 0;
  @query("textarea") private box!: HTMLTextAreaElement;
  @query("input[type=file]") private picker!: HTMLInputElement;
  private levels: number[] = [];
  private meter: ReturnType<typeof setInterval> | undefined;

  get value(): string {
    return this.text;
  }

  set value(text: string) {
    this.text = text;
  }

  override focus(): void {
    this.box?.focus();
  }

  /** Put files with the message. */
  add(files: Iterable<File>): void {
    this.files = [...this.files, ...files];
    this.focus();
  }

  override disconnectedCallback(): void {
    super.disconnectedCallback();
    this.cancelRecording();
  }

  protected override updated(changed: PropertyValues): void {
    if (changed.has("text") && !CSS.supports("field-sizing", "content") && this.box) {
      this.box.style.height = "auto";
      this.box.style.height = `${this.box.scrollHeight}px`;
    }
    if (this.recorder) this.drawLevels();
  }

  protected override render(): TemplateResult {
    const { say } = this.language;
    return html`<form class="box ${this.recorder ? "recording" : ""}" aria-label=${say("message")} @submit=${this.submit}>
      <${mediaPreview} .files=${this.files} .language=${this.language} @remove-file=${this.drop}></${mediaPreview}>
      ${this.recorder ? this.renderRecording() : this.renderWriting()}
    </form>` as TemplateResult;
  }

  private renderWriting(): TemplateResult {
    const { say } = this.language;
    const empty = !this.text.trim() && this.files.length === 0;
    return html`<div class="row">
      <input class="hidden-text" type="file" multiple tabindex="-1" aria-hidden="true" @change=${this.pick}>
      <button class="icon-button" type="button" aria-label=${say("attach")} title=${say("attach")}
        @click=${() => this.picker.click()}>${icon("clip")}</button>
      <textarea rows="1" dir="auto" autocomplete="off" enterkeyhint="send" aria-label=${say("message")}
        placeholder=${this.placeholder || say("write")} .value=${this.text}
        @input=${this.write} @keydown=${this.onKey} @paste=${this.paste}></textarea>
      ${
        canRecord() && empty
          ? html`<button class="icon-button" type="button" aria-label=${say("record")} title=${say("record")}
            @click=${this.record}>${icon("mic")}</button>`
          : nothing
      }
      ${
        this.answering && empty
          ? html`<button class="send" type="button" aria-label=${say("stop")} title=${say("stop")}
            @click=${() => this.fire("stop-answer")}>${icon("stop")}</button>`
          : html`<button class="send" type="submit" aria-label=${say("send")} title=${say("send")} ?disabled=${empty}>
            ${icon("send")}</button>`
      }
    </div>` as TemplateResult;
  }

  private renderRecording(): TemplateResult {
    const { say } = this.language;
    const whole = Math.floor(this.seconds);
    const time = `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
    return html`<div class="row" role="group" aria-label=${say("recording")}>
      <button class="icon-button" type="button" aria-label=${say("cancelRecording")} title=${say("cancelRecording")}
        @click=${this.cancelRecording}>${icon("trash")}</button>
      <span class="lamp" aria-hidden="true"></span>
      <span class="clock" role="timer">${time}</span>
      <canvas class="meter" width=${BARS * 6} height="48" aria-hidden="true"></canvas>
      <button class="send" type="button" aria-label=${say("stopRecording")} title=${say("stopRecording")}
        @click=${this.finishRecording}>${icon("check")}</button>
    </div>` as TemplateResult;
  }

  private readonly submit = (event: Event): void => {
    event.preventDefault();
    const text = this.text.trim();
    if (!text && this.files.length === 0) return;
    const sent = this.fire("send-message", { text, files: this.files });
    if (!sent) return; // the page wants to do it itself, or not at all
    this.text = "";
    this.files = [];
    this.focus();
  };

  private readonly onKey = (event: KeyboardEvent): void => {
    // Enter that ends a composition (Japanese, Chinese …) belongs to the word, not to the message.
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || event.keyCode === 229) return;
    event.preventDefault();
    this.submit(event);
  };

  private readonly write = (): void => {
    this.text = this.box.value;
    this.fire("writing", this.text);
  };

  private readonly pick = (): void => {
    this.add(this.picker.files ?? []);
    this.picker.value = "";
  };

  private readonly paste = (event: ClipboardEvent): void => {
    const files = [...(event.clipboardData?.files ?? [])];
    if (files.length === 0) return;
    event.preventDefault();
    this.add(files);
  };

  private readonly drop = (event: CustomEvent<File>): void => {
    this.files = this.files.filter((file) => file !== event.detail);
    this.focus();
  };

  private readonly record = async (): Promise<void> => {
    try {
      this.recorder = await Recorder.start();
    } catch {
      this.fire("notice", this.language.say("noMicrophone"));
      return;
    }
    this.levels = [];
    this.seconds = 0;
    this.meter = setInterval(() => {
      if (!this.recorder) return;
      this.levels = [...this.levels, this.recorder.level()].slice(-BARS);
      this.seconds = this.recorder.seconds;
    }, BAR_MS);
    await this.updateComplete;
    this.renderRoot.querySelector<HTMLElement>(".send")?.focus();
  };

  private readonly finishRecording = async (): Promise<void> => {
    const recorder = this.recorder;
    if (!recorder) return;
    clearInterval(this.meter);
    const seconds = recorder.seconds;
    const file = await recorder.finish();
    this.recorder = null;
    await this.updateComplete;
    if (this.fire("voice-recorded", { file, seconds })) this.add([file]);
  };

  private readonly cancelRecording = (): void => {
    clearInterval(this.meter);
    this.recorder?.cancel();
    this.recorder = null;
  };

  private drawLevels(): void {
    const canvas = this.renderRoot.querySelector<HTMLCanvasElement>(".meter");
    const pen = canvas?.getContext("2d");
    if (!canvas || !pen) return;
    pen.clearRect(0, 0, canvas.width, canvas.height);
    pen.fillStyle = getComputedStyle(canvas).color;
    this.levels.forEach((level, index) => {
      const height = Math.max(3, level * canvas.height);
      const place = BARS - this.levels.length + index;
      pen.fillRect(place * 6 + 1, (canvas.height - height) / 2, 3, height);
    });
  }

  private fire(name: string, detail?: unknown): boolean {
    return this.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable: true }));
  }
}
