import { randomBytes } from "node:crypto";
import type { ClusterConfig, NodeConfig } from "./config/cluster_config.js";
import type { Durable } from "./core/state.js";
import { freshDurable } from "./core/state.js";
import { durableCodec } from "./store/durable_codec.js";
import { StateFile } from "./store/state_file.js";

const IDENTITY_BYTES = 8;

/** A start that was refused: what is wrong and what to do, for the operator. */
export class StartRefused extends Error {
  override readonly name = "StartRefused";
}

/** An incarnation, or the name of one start. */
export function newIdentity(): string {
  return randomBytes(IDENTITY_BYTES).toString("hex");
}

/** Reads the durable word, or draws an incarnation and writes the first one: from then on this node is somebody. */
export async function openState(config: ClusterConfig, node: NodeConfig, directory: string) {
  const file = new StateFile<Durable>({ directory, cluster: config.cluster, node: node.id, codec: durableCodec });
  const write = (durable: Durable) =>
    file.write(
      {
        cluster: config.cluster,
        node: node.id,
        incarnation: durable.incarnation,
        system_identifier: durable.systemIdentifier === null ? null : BigInt(durable.systemIdentifier),
      },
      durable,
    );
  const read = await file.read();
  if (read.kind === "refused") throw new StartRefused(read.refusal.message);
  let durable: Durable;
  if (read.kind === "ok") durable = read.value;
  else {
    durable = freshDurable(config.cluster, node.id, newIdentity());
    await write(durable);
  }
  const persist = (next: Durable, done: (error: Error | null) => void) => {
    write(next).then(
      () => done(null),
      (error: unknown) => done(error instanceof Error ? error : new Error(String(error))),
    );
  };
  return { durable, persist };
}
