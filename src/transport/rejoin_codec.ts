import type { CopyPhase, RejoinFacts, RejoinWork } from "../core/rejoin_facts.js";
import { cut, enumPair, Malformed, milliseconds, nodeId, orNull, term, text } from "./fields.js";
import type * as wire from "./gen/quorate/v1/cluster.js";
import { RejoinMethod, CopyPhase as WireCopyPhase } from "./gen/quorate/v1/cluster.js";

/** How a node comes back into the cluster, proto ↔ core. Nothing is decided by it. */

const METHOD = enumPair<RejoinFacts["method"], RejoinMethod>({
  stream: RejoinMethod.REJOIN_METHOD_STREAM,
  rewind: RejoinMethod.REJOIN_METHOD_REWIND,
  clone: RejoinMethod.REJOIN_METHOD_CLONE,
});

const PHASE = enumPair<CopyPhase, WireCopyPhase>({
  waiting: WireCopyPhase.COPY_PHASE_WAITING,
  waiting_for_turn: WireCopyPhase.COPY_PHASE_WAITING_FOR_TURN,
  waiting_for_checkpoint: WireCopyPhase.COPY_PHASE_WAITING_FOR_CHECKPOINT,
  copying: WireCopyPhase.COPY_PHASE_COPYING,
  syncing: WireCopyPhase.COPY_PHASE_SYNCING,
  replaying: WireCopyPhase.COPY_PHASE_REPLAYING,
});

export function rejoinToWire({ term: of, method, ms, percent, work }: RejoinFacts): wire.RejoinFacts {
  return {
    ...{ term: of, method: METHOD.toWire(method), ms, percent: percent ?? undefined },
    work: work === null ? undefined : workToWire(work),
  };
}

export function rejoinToCore(rejoin: wire.RejoinFacts, field: string): RejoinFacts {
  return {
    term: term(rejoin.term, `${field}.term`),
    method: METHOD.toCore(rejoin.method, `${field}.method`),
    ms: milliseconds(rejoin.ms, `${field}.ms`),
    percent: orNull(rejoin.percent, `${field}.percent`, percentage),
    work: orNull(rejoin.work, `${field}.work`, workToCore),
  };
}

function workToWire(work: RejoinWork): wire.RejoinWork {
  const { source, attempt, reason, phase, bytes, totalBytes, bytesPerS, leftMs } = work;
  return {
    ...{ source, attempt, reason: cut(reason), phase: PHASE.toWire(phase) },
    ...{ bytes: bytes ?? undefined, totalBytes: totalBytes ?? undefined },
    ...{ bytesPerS: bytesPerS ?? undefined, leftMs: leftMs ?? undefined },
  };
}

function workToCore(work: wire.RejoinWork, field: string): RejoinWork {
  return {
    source: nodeId(work.source, `${field}.source`),
    attempt: work.attempt,
    reason: text(work.reason, `${field}.reason`),
    phase: PHASE.toCore(work.phase, `${field}.phase`),
    bytes: orNull(work.bytes, `${field}.bytes`, amount),
    totalBytes: orNull(work.totalBytes, `${field}.total_bytes`, amount),
    bytesPerS: orNull(work.bytesPerS, `${field}.bytes_per_s`, amount),
    leftMs: orNull(work.leftMs, `${field}.left_ms`, milliseconds),
  };
}

function percentage(value: number, field: string): number {
  if (!(value >= 0 && value <= 100)) throw new Malformed(`${field} is no percentage: ${value}`);
  return value;
}

function amount(value: number, field: string): number {
  if (!Number.isFinite(value) || value < 0) throw new Malformed(`${field} is no number of bytes: ${value}`);
  return value;
}
