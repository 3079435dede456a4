import type { CohortOrder } from "../core/leader/ordered_cohort.js";
import type { HandoverRequest, HandoverResult, Mandate, Pause, RestartRequest, RestartResult } from "../core/orders.js";
import type { NodeId } from "../core/ruleset/ruleset.js";
import type { ChangeResult } from "../core/ruleset/wanted.js";
import type { TlsMaterial } from "../tls/material.js";
import { callUnary, openChannel } from "./channel.js";
import { PROTOCOL, strangeness } from "./envelope.js";
import { type Codec, changeCohortRequest, changeCohortResponse } from "./messages.js";
import {
  handoverRequest,
  handoverResponse,
  restartRequest,
  restartResponse,
  setPauseRequest,
  setPauseResponse,
} from "./orders_codec.js";
import { RAW_ADMIN, type RawMethod } from "./raw_service.js";

/** The sidecar that an order is given to. */
export interface OrderTo {
  readonly id: NodeId;
  readonly host: string;
  readonly port: number;
  readonly cluster: string;
  readonly deadlineMs: number;
  /** Null: in the clear. */
  readonly tls: TlsMaterial | null;
}

/** Not ok: whether it was carried out is not known. */
export type OrderReply<T> = { readonly ok: true; readonly result: T } | { readonly ok: false; readonly reason: string };

/** Orders another leader. Never rejects. */
export function orderHandover(
  to: OrderTo,
  kind: Mandate["kind"],
  request: HandoverRequest,
): Promise<OrderReply<HandoverResult>> {
  return order(to, RAW_ADMIN[kind], handoverRequest, handoverResponse, request);
}

/** Orders that the Postgres of the node that is asked is started again. Never rejects. The signal ends the waiting, not the order. */
export function orderRestart(
  to: OrderTo,
  request: RestartRequest,
  signal: AbortSignal,
): Promise<OrderReply<RestartResult>> {
  return order(to, RAW_ADMIN.restart, restartRequest, restartResponse, request, signal);
}

/** Orders that nobody elects by itself, or that everybody does again. Never rejects. */
export async function orderPause(to: OrderTo, paused: boolean): Promise<OrderReply<Pause>> {
  const reply = await order(to, RAW_ADMIN.setPause, setPauseRequest, setPauseResponse, paused);
  return reply.ok ? { ok: true, result: reply.result.pause } : reply;
}

/** Asks a leader for other nodes in its cohort. Never rejects. */
export function orderCohort(to: OrderTo, request: CohortOrder): Promise<OrderReply<ChangeResult>> {
  return order(to, RAW_ADMIN.changeCohort, changeCohortRequest, changeCohortResponse, request);
}

function order<Q, A>(
  { id, host, port, cluster, deadlineMs, tls }: OrderTo,
  method: RawMethod,
  question: Codec<Q>,
  answer: Codec<A>,
  body: Q,
  signal?: AbortSignal,
): Promise<OrderReply<A>> {
  const here = { cluster, protocol: PROTOCOL };
  const bytes = question.encode({ ...here, sender: null, to: id }, body);
  const dial = tls === null ? null : { cluster, expected: id, material: tls };
  const channel = openChannel({ host, port, tls: dial });
  return new Promise((resolve) => {
    const cancel = () => call.cancel();
    const call = callUnary({ channel, method, bytes, deadlineMs }, (reply) => {
      signal?.removeEventListener("abort", cancel);
      channel.close();
      if (!reply.ok) return resolve({ ok: false, reason: reply.reason });
      const decoded = answer.decode(reply.bytes);
      if (!decoded.ok) return resolve(decoded);
      const reason = strangeness(decoded.value.envelope, here);
      resolve(reason === undefined ? { ok: true, result: decoded.value.body } : { ok: false, reason });
    });
    signal?.addEventListener("abort", cancel, { once: true });
  });
}
