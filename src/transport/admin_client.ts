import { callUnary, openChannel } from "./channel.js";
import { PROTOCOL, strangeness } from "./envelope.js";
import type { Codec } from "./messages.js";
import { historyRequest, historyResponse, statusRequest, statusResponse } from "./messages.js";
import type { RawMethod } from "./raw_service.js";
import { RAW_ADMIN } from "./raw_service.js";

export interface StatusQuestion {
  readonly host: string;
  readonly port: number;
  readonly cluster: string;
  readonly deadlineMs: number;
  /** Gives the question up: it is answered at once, with a reason that nobody needs. */
  readonly signal?: AbortSignal;
}

export type StatusReply =
  | { readonly ok: true; readonly json: string }
  /** `refused`: a sidecar is there, and says why it does not answer. */
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
  { host, port, cluster, deadlineMs, signal }: StatusQuestion,
  method: RawMethod,
  request: Codec<null>,
  response: Codec<string>,
): Promise<StatusReply> {
  const here = { cluster, protocol: PROTOCOL };
  const bytes = request.encode({ ...here, sender: null, to: null }, null);
  const channel = openChannel(host, port);
  return new Promise((resolve) => {
    const call = callUnary({ channel, method, bytes, deadlineMs }, (reply) => {
      signal?.removeEventListener("abort", cancel);
      channel.close();
      if (!reply.ok) return resolve(reply);
      const decoded = response.decode(reply.bytes);
      if (!decoded.ok) return resolve({ ok: false, refused: true, reason: decoded.reason });
      const reason = strangeness(decoded.value.envelope, here);
      resolve(reason === undefined ? { ok: true, json: decoded.value.body } : { ok: false, refused: true, reason });
    });
    const cancel = () => call.cancel();
    if (signal?.aborted) cancel();
    else signal?.addEventListener("abort", cancel, { once: true });
  });
}
