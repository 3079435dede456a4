import { readFileSync } from "node:fs";

/** One decision of a sidecar, as its log tells it. */
export interface LogEntry {
  readonly node: string;
  readonly time: string;
  readonly mark: string;
  readonly text: string;
  readonly data: Readonly<Record<string, unknown>>;
}

/** Whatever of a log is a line of JSON with a mark; a line that is still being written is left for the next time. */
export function readLog(file: string, node: string): readonly LogEntry[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return [];
  }
  return text.split("\n").flatMap((line) => {
    const data = parse(line);
    if (data === null || typeof data.msg !== "string" || typeof data.time !== "string") return [];
    return [{ node, time: data.time, mark: String(data.mark ?? ""), text: data.msg, data }];
  });
}

function parse(line: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : null;
  } catch {
    return null;
  }
}

/** Several logs as one story, for the report of a failed test. */
export function story(entries: readonly LogEntry[], lines: number): string {
  return [...entries]
    .sort((a, b) => (a.time < b.time ? -1 : a.time > b.time ? 1 : 0))
    .slice(-lines)
    .map(({ time, node, mark, text }) => `${time.slice(11, 23)} ${node} ${mark.padEnd(20)} ${text.slice(0, 220)}`)
    .join("\n");
}
