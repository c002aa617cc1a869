// Records a voice message, and tells how loud it is.

const TYPES = ["audio/webm;codecs=opus", "audio/ogg;codecs=opus", "audio/mp4"];

/** Tell whether this browser can record here; a page over plain HTTP cannot. */
export function canRecord(): boolean {
  return typeof MediaRecorder !== "undefined" && Boolean(navigator.mediaDevices?.getUserMedia);
}

/** One recording. */
export class Recorder {
  private readonly chunks: Blob[] = [];
  private readonly samples: Uint8Array<ArrayBuffer>;

  private constructor(
    private readonly stream: MediaStream,
    private readonly recorder: MediaRecorder,
    private readonly context: AudioContext,
    private readonly analyser: AnalyserNode,
    private readonly began: number,
  ) {
    this.samples = new Uint8Array(analyser.fftSize);
    recorder.ondataavailable = ({ data }) => this.chunks.push(data);
    recorder.start(250);
  }

  /** Ask for the microphone and begin; rejects where it is refused. */
  static async start(): Promise<Recorder> {
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const type = TYPES.find((one) => MediaRecorder.isTypeSupported(one));
    const recorder = new MediaRecorder(stream, type ? { mimeType: type } : {});
    const context = new AudioContext();
    const analyser = context.createAnalyser();
    analyser.fftSize = 512;
    context.createMediaStreamSource(stream).connect(analyser);
    return new Recorder(stream, recorder, context, analyser, Date.now());
  }

  get seconds(): number {
    return (Date.now() - this.began) / 1000;
  }

  /** How loud it is now, 0 to 1. */
  level(): number {
    this.analyser.getByteTimeDomainData(this.samples);
    const peak = this.samples.reduce((most, sample) => Math.max(most, Math.abs(sample - 128)), 0);
    return Math.min(1, peak / 90);
  }

  /** End it, and give the file. */
  async finish(): Promise<File> {
    await new Promise<void>((resolve) => {
      this.recorder.onstop = () => resolve();
      this.recorder.stop();
    });
    this.release();
    const type = this.recorder.mimeType.split(";")[0] || "audio/webm";
    const stamp = new Date().toISOString().slice(0, 19).replaceAll(":", "-");
    return new File(this.chunks, `voice-${stamp}.${type.split("/")[1]}`, { type });
  }

  cancel(): void {
    this.recorder.ondataavailable = null;
    if (this.recorder.state !== "inactive") this.recorder.stop();
    this.release();
  }

  private release(): void {
    for (const track of this.stream.getTracks()) track.stop();
    void this.context.close();
  }
}
