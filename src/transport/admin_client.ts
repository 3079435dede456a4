import type { TlsMaterial } from "../tls/material.js";
import { callUnary, openChannel } from "./channel.js";
import { PROTOCOL, strangeness } from "./envelope.js";
import { statusRequest, statusResponse } from "./messages.js";
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
}

export type StatusReply =
  /** `certificateUntilMs`: until when the certificate of the node is valid, in ms since 1970; null without TLS. */
  | { readonly ok: true; readonly json: string; readonly certificateUntilMs: number | null }
  | { readonly ok: false; readonly reason: string };

/** Asks one sidecar for the cluster as it sees it, for command lines. Never rejects. */
export function fetchStatus({ node, host, port, cluster, deadlineMs, tls }: StatusQuestion): Promise<StatusReply> {
  const here = { cluster, protocol: PROTOCOL };
  const bytes = statusRequest.encode({ ...here, sender: null, to: null }, null);
  const dial = tls === null ? null : { cluster, expected: node, material: tls };
  const channel = openChannel({ host, port, tls: dial });
  return new Promise((resolve) => {
    const call = callUnary({ channel, method: RAW_ADMIN.status, bytes, deadlineMs }, (reply) => {
      const validTo = call.getAuthContext()?.sslPeerCertificate?.valid_to;
      channel.close();
      if (!reply.ok) return resolve({ ok: false, reason: reply.reason });
      const decoded = statusResponse.decode(reply.bytes);
      if (!decoded.ok) return resolve(decoded);
      const reason = strangeness(decoded.value.envelope, here);
      if (reason !== undefined) return resolve({ ok: false, reason });
      const certificateUntilMs = validTo === undefined ? null : Date.parse(validTo);
      resolve({ ok: true, json: decoded.value.body, certificateUntilMs });
    });
  });
}
