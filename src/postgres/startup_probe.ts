import { connect } from "node:net";
import { join } from "node:path";

/** Where Postgres listens; a host that starts with `/` is a socket directory, as in libpq. */
export interface ProbeTarget {
  readonly host: string;
  readonly port: number;
}

/**
 * What Postgres says to a stranger: `shut` = refused by the hba file (28000), `open` = asked for a password.
 * `unknown` is neither (starting, too many connections, no answer), with the reason.
 */
export type ProbeAnswer =
  | { readonly kind: "shut" }
  | { readonly kind: "open" }
  | { readonly kind: "unknown"; readonly reason: string };

/** The role of the probe; it never exists, and Postgres asks an unknown role for its password just the same. */
export const PROBE_ROLE = "quorate_probe";

const PROTOCOL_3 = 196608;
const REFUSED_BY_HBA = "28000";
const AUTHENTICATION_SASL = 10;
/** An ErrorResponse with a detail and a hint is far below this. */
const ANSWER_BYTES_MAX = 16_384;

/** Knocks as a client would. Never throws: no answer is an answer too. */
export function probe(target: ProbeTarget, timeoutMs: number): Promise<ProbeAnswer> {
  return new Promise((done) => {
    const socket = target.host.startsWith("/")
      ? connect({ path: join(target.host, `.s.PGSQL.${target.port}`) })
      : connect({ host: target.host, port: target.port });
    const deadline = setTimeout(() => finish(unknown(`no answer within ${timeoutMs} ms`)), timeoutMs);
    const finish = (answer: ProbeAnswer): void => {
      clearTimeout(deadline);
      socket.destroy();
      done(answer);
    };
    let received = Buffer.alloc(0);
    socket.on("connect", () => socket.write(startupPacket()));
    socket.on("data", (chunk) => {
      received = Buffer.concat([received, chunk]);
      const answer = readAnswer(received);
      if (answer !== null) finish(answer);
    });
    socket.on("error", (error) => finish(unknown(error.message)));
    socket.on("close", () => finish(unknown("closed without an answer")));
  });
}

export function startupPacket(): Buffer {
  const body = Buffer.from(`user\0${PROBE_ROLE}\0database\0postgres\0application_name\0${PROBE_ROLE}\0\0`);
  const head = Buffer.alloc(8);
  head.writeInt32BE(head.length + body.length, 0);
  head.writeInt32BE(PROTOCOL_3, 4);
  return Buffer.concat([head, body]);
}

/** The answer in the bytes so far; null while the first message is incomplete. */
export function readAnswer(received: Buffer): ProbeAnswer | null {
  if (received.length < 5) return null;
  const kind = String.fromCharCode(received.readUInt8(0));
  const length = received.readInt32BE(1);
  if (length < 4 || length > ANSWER_BYTES_MAX) return unknown("an answer that is not Postgres'");
  if (received.length < 1 + length) return null;
  const body = received.subarray(5, 1 + length);
  if (kind === "R" && body.length >= 4) {
    const request = body.readInt32BE(0);
    return request === AUTHENTICATION_SASL ? { kind: "open" } : unknown(`authentication request ${request}`);
  }
  if (kind !== "E") return unknown(`message ${JSON.stringify(kind)}`);
  const fields = body.toString("utf8").split("\0");
  const code = fields.find((field) => field.startsWith("C"))?.slice(1);
  const message = fields.find((field) => field.startsWith("M"))?.slice(1);
  return code === REFUSED_BY_HBA ? { kind: "shut" } : unknown(`${code ?? "no SQLSTATE"}: ${message ?? "no message"}`);
}

function unknown(reason: string): ProbeAnswer {
  return { kind: "unknown", reason };
}
