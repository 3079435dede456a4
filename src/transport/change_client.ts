import type { CohortOrder } from "../core/leader/ordered_cohort.js";
import type { NodeId } from "../core/ruleset/ruleset.js";
import type { ChangeResult } from "../core/ruleset/wanted.js";
import type { TlsMaterial } from "../tls/material.js";
import { callUnary, openChannel } from "./channel.js";
import { PROTOCOL, strangeness } from "./envelope.js";
import { changeCohortRequest, changeCohortResponse } from "./messages.js";
import { RAW_ADMIN } from "./raw_service.js";

/** The sidecar that an order is given to. */
export interface LeaderAt {
  readonly id: NodeId;
  readonly host: string;
  readonly port: number;
  readonly cluster: string;
  readonly deadlineMs: number;
  /** Null: in the clear. */
  readonly tls: TlsMaterial | null;
}

/** Not ok: whether it was carried out is not known. */
export type ChangeReply =
  | { readonly ok: true; readonly result: ChangeResult }
  | { readonly ok: false; readonly reason: string };

/** Asks a leader for other nodes in its cohort. Never rejects. */
export function orderCohort(
  { id, host, port, cluster, deadlineMs, tls }: LeaderAt,
  order: CohortOrder,
): Promise<ChangeReply> {
  const here = { cluster, protocol: PROTOCOL };
  const bytes = changeCohortRequest.encode({ ...here, sender: null, to: id }, order);
  const dial = tls === null ? null : { cluster, expected: id, material: tls };
  const channel = openChannel({ host, port, tls: dial });
  return new Promise((resolve) => {
    callUnary({ channel, method: RAW_ADMIN.changeCohort, bytes, deadlineMs }, (reply) => {
      channel.close();
      if (!reply.ok) return resolve({ ok: false, reason: reply.reason });
      const decoded = changeCohortResponse.decode(reply.bytes);
      if (!decoded.ok) return resolve(decoded);
      const reason = strangeness(decoded.value.envelope, here);
      resolve(reason === undefined ? { ok: true, result: decoded.value.body } : { ok: false, reason });
    });
  });
}
