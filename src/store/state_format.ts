import { createHash } from "node:crypto";
import type { StateIdentity } from "./identity.js";

/*
 * A state file is a header line and a body:
 *
 *   QUORATE-STATE <format> <bytes of the body> <sha256 of the format and the body>\n
 *   {"cluster":"shop","node":"n1","incarnation":"...","system_identifier":"7301..."}\n
 *   <payload>
 *
 * The header line alone says whether the rest is whole; text, so that a person can read it in an emergency.
 */

/**
 * 2: the last promises are named, and whether the node has a vote: an older program would let one from the past vote.
 * 3: whether elections are paused: an older program would elect. The checksum covers the format, since a flipped bit could
 * make it an older one, of which less is read.
 */
export const STATE_FORMAT = 3;
const MAGIC = "QUORATE-STATE";
const HEADER = /^QUORATE-STATE ([1-9]\d{0,8}) (0|[1-9]\d{0,8}) ([0-9a-f]{64})\n/;
/** The header line is the part that its own checksum does not cover: nothing longer is one. */
const HEADER_BYTES_MAX = 120;

/** Turns the state into text and back. `decode` throws on anything that `encode` of that format cannot have written. */
export interface StateCodec<T> {
  encode(value: T): string;
  decode(text: string, format: number): T;
}

export type RefusalCode = "torn" | "foreign" | "newer_format" | "unreadable";

export interface StateRefusal {
  readonly code: RefusalCode;
  /** What is wrong; what to do. */
  readonly message: string;
}

export type Parsed<T> =
  | { readonly kind: "ok"; readonly identity: StateIdentity; readonly value: T }
  | { readonly kind: "refused"; readonly refusal: StateRefusal };

export function serializeState<T>(identity: StateIdentity, value: T, codec: StateCodec<T>): Buffer {
  const { cluster, node, incarnation, system_identifier } = identity;
  const head = JSON.stringify({ cluster, node, incarnation, system_identifier: system_identifier?.toString() ?? null });
  const body = Buffer.from(`${head}\n${codec.encode(value)}`, "utf8");
  return Buffer.concat([
    Buffer.from(`${MAGIC} ${STATE_FORMAT} ${body.length} ${checksum(STATE_FORMAT, body)}\n`, "latin1"),
    body,
  ]);
}

/** Whether the bytes are a whole state file of a format that we know; whose it is, is the caller's question. */
export function parseState<T>(file: string, bytes: Buffer, codec: StateCodec<T>): Parsed<T> {
  const header = HEADER.exec(bytes.subarray(0, HEADER_BYTES_MAX).toString("latin1"));
  if (header === null) return refuse("torn", `${file} has no intact header; ${RESTORE}`);
  const format = Number(header[1]);
  if (format > STATE_FORMAT) {
    return refuse(
      "newer_format",
      `${file} was written by a newer Quorate (format ${format}, this one knows ${STATE_FORMAT}); install that version again`,
    );
  }
  const body = bytes.subarray(header[0].length);
  if (body.length !== Number(header[2])) {
    return refuse("torn", `${file} has ${body.length} bytes of ${header[2]}; ${RESTORE}`);
  }
  if (checksum(format, body) !== header[3]) return refuse("torn", `${file} does not match its checksum; ${RESTORE}`);
  try {
    const end = body.indexOf("\n");
    const identity = decodeIdentity(body.subarray(0, end).toString("utf8"));
    return { kind: "ok", identity, value: codec.decode(body.subarray(end + 1).toString("utf8"), format) };
  } catch (error) {
    // The checksum is right, so these are the bytes that were written: not the disk's fault but a program's.
    const cause = error instanceof Error ? error.message : String(error);
    return refuse(
      "unreadable",
      `${file} is whole but says nothing that this Quorate understands (${cause}); install the version that wrote it`,
    );
  }
}

/** A promise may be lost with the file: only a person can say that the node's data is worth nothing, or bring the file back. */
const RESTORE =
  "the disk damaged it: restore the state directory as it was, or, if it is lost for good, remove the whole data_dir of this node and let it join anew";

export function refuse(
  code: RefusalCode,
  message: string,
): { readonly kind: "refused"; readonly refusal: StateRefusal } {
  return { kind: "refused", refusal: { code, message } };
}

function checksum(format: number, body: Buffer): string {
  const hash = createHash("sha256");
  if (format >= 3) hash.update(`${format} `);
  return hash.update(body).digest("hex");
}

function decodeIdentity(line: string): StateIdentity {
  const value = JSON.parse(line) as Record<string, unknown>;
  const text = (key: string): string => {
    const found = value[key];
    if (typeof found !== "string" || found === "") throw new TypeError(`${key} is missing`);
    return found;
  };
  const system = value.system_identifier;
  if (system !== null && !(typeof system === "string" && /^\d{1,20}$/.test(system))) {
    throw new TypeError("system_identifier is no number");
  }
  return {
    cluster: text("cluster"),
    node: text("node"),
    incarnation: text("incarnation"),
    system_identifier: system === null ? null : BigInt(system),
  };
}
