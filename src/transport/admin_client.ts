import type { TlsMaterial } from "../tls/material.js";
import { callUnary, openChannel } from "./channel.js";
import { PROTOCOL, strangeness } from "./envelope.js";
import type { Codec } from "./messages.js";
import { historyRequest, historyResponse, statusRequest, statusResponse } from "./messages.js";
import type { RawMethod } from "./raw_service.js";
import { RAW_ADMIN } from "./raw_service.js";

export interface StatusQuestion {
  /** Who must answer there. */
  readonly node: string;
  readonly host: string;
  readonly port: number;
  readonly cluster: string;
  readonly deadlineMs: number;
  /** Null: in the clear. */
  readonly tls: TlsMaterial | null;
  /** Gives the question up: it is answered at once, with a reason that nobody needs. */
  readonly signal?: AbortSignal;
}

export type StatusReply =
  /** `certificateUntilMs`: until when the certificate of the node is valid, in ms since 1970; null without TLS. */
  | { readonly ok: true; readonly json: string; readonly certificateUntilMs: number | null }
  /** `refused`: somebody is there, and says why it does not answer, or one of the two does not believe the other's certificate. */
  | { readonly ok: false; readonly refused: boolean; readonly reason: string };

/** Asks one sidecar for the cluster as it sees it, for command lines. Never rejects. */
export function fetchStatus(question: StatusQuestion): Promise<StatusReply> {
  return ask(question, RAW_ADMIN.status, statusRequest, statusResponse);
}

/** Asks one sidecar who led when and why, as its log has it. Never rejects. */
export function fetchHistory(question: StatusQuestion): Promise<StatusReply> {
  return ask(question, RAW_ADMIN.history, historyRequest, historyResponse);
}

function ask(
  { node, host, port, cluster, deadlineMs, tls, signal }: StatusQuestion,
  method: RawMethod,
  request: Codec<null>,
  response: Codec<string>,
): Promise<StatusReply> {
  const here = { cluster, protocol: PROTOCOL };
  const bytes = request.encode({ ...here, sender: null, to: null }, null);
  const dial = tls === null ? null : { cluster, expected: node, material: tls };
  const channel = openChannel({ host, port, tls: dial });
  return new Promise((resolve) => {
    const call = callUnary({ channel, method, bytes, deadlineMs }, (reply) => {
      const validTo = call.getAuthContext()?.sslPeerCertificate?.valid_to;
      signal?.removeEventListener("abort", cancel);
      channel.close();
      if (!reply.ok) return resolve({ ok: false, refused: reply.kind !== "lost", reason: reply.reason });
      const decoded = response.decode(reply.bytes);
      if (!decoded.ok) return resolve({ ok: false, refused: true, reason: decoded.reason });
      const reason = strangeness(decoded.value.envelope, here);
      if (reason !== undefined) return resolve({ ok: false, refused: true, reason });
      const certificateUntilMs = validTo === undefined ? null : Date.parse(validTo);
      resolve({ ok: true, json: decoded.value.body, certificateUntilMs });
    });
    const cancel = () => call.cancel();
    if (signal?.aborted) cancel();
    else signal?.addEventListener("abort", cancel, { once: true });
  });
}
