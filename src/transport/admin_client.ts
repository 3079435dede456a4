import { callUnary, openChannel } from "./channel.js";
import { PROTOCOL, strangeness } from "./envelope.js";
import { statusRequest, statusResponse } from "./messages.js";
import { RAW_ADMIN } from "./raw_service.js";

export interface StatusQuestion {
  readonly host: string;
  readonly port: number;
  readonly cluster: string;
  readonly deadlineMs: number;
}

export type StatusReply =
  | { readonly ok: true; readonly json: string }
  | { readonly ok: false; readonly reason: string };

/** Asks one sidecar for the cluster as it sees it, for command lines. Never rejects. */
export function fetchStatus({ host, port, cluster, deadlineMs }: StatusQuestion): Promise<StatusReply> {
  const here = { cluster, protocol: PROTOCOL };
  const bytes = statusRequest.encode({ ...here, sender: null, to: null }, null);
  const channel = openChannel(host, port);
  return new Promise((resolve) => {
    callUnary({ channel, method: RAW_ADMIN.status, bytes, deadlineMs }, (reply) => {
      channel.close();
      if (!reply.ok) return resolve({ ok: false, reason: reply.reason });
      const decoded = statusResponse.decode(reply.bytes);
      if (!decoded.ok) return resolve(decoded);
      const reason = strangeness(decoded.value.envelope, here);
      resolve(reason === undefined ? { ok: true, json: decoded.value.body } : { ok: false, reason });
    });
  });
}
