/** What a command that stays on the screen needs of its terminal, so that a test can be one. */
export interface Terminal {
  readonly isTty: boolean;
  size(): { readonly columns: number; readonly rows: number };
  /** False while what was written before waits for its reader: what is live is left out then, not kept. */
  ready(): boolean;
  /** The returned function ends it. */
  onResize(callback: () => void): () => void;
  /** A signal, or that nobody reads any more. The returned function ends it. */
  onStop(callback: (reason: StopReason) => void): () => void;
}

export type StopReason = "SIGINT" | "SIGTERM" | "SIGHUP" | "closed";

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;
/** Of a terminal that does not say. */
const SIZE = { columns: 80, rows: 24 };

export function processTerminal(): Terminal {
  const { stdout } = process;
  return {
    isTty: stdout.isTTY === true,
    size: () => ({ columns: stdout.columns || SIZE.columns, rows: stdout.rows || SIZE.rows }),
    ready: () => !stdout.writableNeedDrain,
    onResize: (callback) => {
      stdout.on("resize", callback);
      return () => stdout.off("resize", callback);
    },
    onStop: (callback) => {
      const closed = () => callback("closed");
      const handlers = SIGNALS.map((signal) => [signal, () => callback(signal)] as const);
      for (const [signal, handler] of handlers) process.on(signal, handler);
      stdout.on("error", closed);
      stdout.on("close", closed);
      return () => {
        for (const [signal, handler] of handlers) process.off(signal, handler);
        stdout.off("error", closed);
        stdout.off("close", closed);
      };
    },
  };
}

const ESC = String.fromCharCode(27);
/** Sequences that take no room: colours. */
const COLOURS = new RegExp(`(${ESC}\\[[0-9;]*m)`);

/** The other screen, without a cursor: what was there before comes back at the end. */
export const ENTER = `${ESC}[?1049h${ESC}[?25l`;
export const LEAVE = `${ESC}[?25h${ESC}[?1049l`;

/** Draws over what is there: no line is ever blank in between, so nothing flickers. */
export function frameOver(lines: readonly string[]): string {
  return `${ESC}[H${lines.map((line) => `${line}${ESC}[K`).join("\n")}${ESC}[J`;
}

/**
 * The lines that a screen of this size holds: one that is wrapped would push the others away. The last column stays empty:
 * terminals differ in what clearing the rest of a full line takes with it.
 */
export function fitLines(
  text: string,
  { columns, rows }: { readonly columns: number; readonly rows: number },
): string[] {
  return text
    .split("\n")
    .slice(0, rows)
    .map((line) => cut(line, columns - 1));
}

function cut(line: string, columns: number): string {
  let left = columns;
  let coloured = false;
  const kept = line.split(COLOURS).map((part, i) => {
    if (i % 2 === 1) {
      coloured = true;
      return part;
    }
    const piece = [...part].slice(0, Math.max(0, left)).join("");
    left -= [...part].length;
    return piece;
  });
  return left < 0 && coloured ? `${kept.join("")}${ESC}[0m` : kept.join("");
}
