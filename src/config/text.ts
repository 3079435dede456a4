import { readFile } from "node:fs/promises";

export type TextRead =
  | { readonly kind: "read"; readonly text: string }
  /** `line`: the first one that is no text; 1 if the whole file is meant. */
  | { readonly kind: "refused"; readonly line: number; readonly message: string };

/** The configuration as text, or why it is none. */
export async function readText(file: string): Promise<TextRead> {
  let bytes: Buffer;
  try {
    bytes = await readFile(file);
  } catch (error) {
    return { kind: "refused", line: 1, message: unreadable(error as NodeJS.ErrnoException) };
  }
  const text = decoded(bytes);
  if (text !== null) return { kind: "read", text };
  const message = "the file is not UTF-8 text; save it as UTF-8";
  return { kind: "refused", line: firstForeignLine(bytes), message };
}

function unreadable({ code, message }: NodeJS.ErrnoException): string {
  if (code === "EISDIR") return "this is a directory, not a file; name the file in it, as in DIRECTORY/quorate.yaml";
  const cause = code === "ENOENT" ? "does not exist" : `cannot be read: ${message}`;
  return `the file ${cause}; name the right one with --config, or make it readable`;
}

function decoded(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return null;
  }
}

/** No byte of a longer character of UTF-8 is a line feed, so that lines can be judged one by one. */
function firstForeignLine(bytes: Buffer): number {
  let line = 1;
  for (let start = 0; start < bytes.length; line += 1) {
    const end = bytes.indexOf(0x0a, start);
    const next = end === -1 ? bytes.length : end + 1;
    if (decoded(bytes.subarray(start, next)) === null) return line;
    start = next;
  }
  return 1;
}
