import type { Pause } from "../core/orders.js";
import { Malformed, nodeId } from "./fields.js";
import type * as wire from "./gen/quorate/v1/cluster.js";

/** The order to pause or resume, proto ↔ core. */

export function pauseToWire({ paused, number, by }: Pause): wire.Pause {
  return { paused, number: BigInt(number), by };
}

export function pauseToCore({ paused, number, by }: wire.Pause, field: string): Pause {
  if (number > BigInt(Number.MAX_SAFE_INTEGER)) throw new Malformed(`${field}.number ${number} counts no changes`);
  return { paused, number: Number(number), by: by === "" ? "" : nodeId(by, `${field}.by`) };
}
