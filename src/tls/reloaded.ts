import { expirySoon } from "./expiry.js";
import type { Expected, TlsMaterial, TlsPaths, TlsProblem } from "./material.js";
import { readMaterial } from "./material.js";

/** The material of one end, which may be another one tomorrow. */
export interface TlsSource {
  current(): TlsMaterial;
  /** Called after `current` has become another one. */
  changed(listener: () => void): void;
}

/** The logger, in pino's shape: fields first, then a sentence. */
export interface TlsLog {
  info(fields: object, sentence: string): void;
  warn(fields: object, sentence: string): void;
  error(fields: object, sentence: string): void;
}

export interface ReloadedOptions {
  readonly paths: TlsPaths;
  readonly expected: Omit<Expected, "nowMs">;
  readonly nowMs: () => number;
  readonly log: TlsLog;
  /** How often the files are looked at; 10 s unless told. */
  readonly everyMs?: number;
}

export type Opened =
  | { readonly kind: "opened"; readonly source: ReloadedMaterial }
  | { readonly kind: "refused"; readonly problems: readonly TlsProblem[] };

/** Three small files that the kernel has in memory: cheaper than being right about every way to replace a file. */
const LOOK_MS = 10_000;
const REMIND_MS = 86_400_000;

/**
 * Certificates that are read again when their files change. Connections that are open stay open; new ones use the new
 * certificates. Files that do not fit together, as in the middle of a renewal, leave the old ones in use.
 */
export class ReloadedMaterial implements TlsSource {
  private readonly listeners: (() => void)[] = [];
  private readonly timer: NodeJS.Timeout;
  private trouble = "";
  private remindedMs = Number.NEGATIVE_INFINITY;
  private looking = false;

  private constructor(
    private readonly options: ReloadedOptions,
    private material: TlsMaterial,
  ) {
    this.remind();
    const again = (): void => {
      // What no reader foresaw is a trouble like others: it must not end the sidecar.
      this.look().catch((error: unknown) => this.complain(`${error instanceof Error ? error.message : String(error)}`));
    };
    this.timer = setInterval(again, options.everyMs ?? LOOK_MS).unref();
  }

  static async open(options: ReloadedOptions): Promise<Opened> {
    const read = await readMaterial(options.paths, { ...options.expected, nowMs: options.nowMs() });
    if (read.kind === "refused") return read;
    return { kind: "opened", source: new ReloadedMaterial(options, read.material) };
  }

  current(): TlsMaterial {
    return this.material;
  }

  changed(listener: () => void): void {
    this.listeners.push(listener);
  }

  close(): void {
    clearInterval(this.timer);
  }

  private async look(): Promise<void> {
    if (this.looking) return;
    this.looking = true;
    try {
      const { paths, expected, nowMs } = this.options;
      const read = await readMaterial(paths, { ...expected, nowMs: nowMs() });
      if (read.kind === "refused") this.complain(read.problems.map(({ message }) => message).join("; "));
      else this.take(read.material);
      this.remind();
    } finally {
      this.looking = false;
    }
  }

  private take(read: TlsMaterial): void {
    this.trouble = "";
    const { ca, cert, key } = this.material;
    if (read.ca === ca && read.cert === cert && read.key === key) return;
    this.material = read;
    this.remindedMs = Number.NEGATIVE_INFINITY;
    const until = new Date(read.notAfterMs).toISOString();
    this.options.log.info(
      { mark: "tls_reloaded", until },
      `new connections use the new certificate, valid until ${until}`,
    );
    for (const listener of this.listeners) listener();
  }

  /** Once for each trouble, not at every look. */
  private complain(trouble: string): void {
    if (trouble === this.trouble) return;
    this.trouble = trouble;
    this.options.log.warn(
      { mark: "tls_not_reloaded" },
      `the certificate that was read last stays in use, since ${trouble}`,
    );
  }

  private remind(): void {
    const nowMs = this.options.nowMs();
    const soon = expirySoon(this.material.notAfterMs, nowMs);
    if (soon === null || nowMs - this.remindedMs < REMIND_MS) return;
    this.remindedMs = nowMs;
    const fields = { mark: "tls_expires", until: new Date(this.material.notAfterMs).toISOString() };
    const text = `the certificate ${this.options.paths.cert} ${soon}; renew it, it is read again without a restart`;
    if (this.material.notAfterMs <= nowMs) this.options.log.error(fields, text);
    else this.options.log.warn(fields, text);
  }
}
