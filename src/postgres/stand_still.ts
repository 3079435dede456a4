import type { Position } from "../core/log/position.js";
import type { Instance } from "./instance.js";
import type { Identifier } from "./replication/connection.js";
import { finalPosition, type RevocationOptions, revoke } from "./revoke.js";
import { identifierOf, waysOf } from "./ways.js";

export interface StandStillOptions extends Pick<RevocationOptions, "alongside" | "deadlineMs"> {
  readonly instance: Instance;
}

export interface StoodStill {
  readonly position: Position;
  /** synchronous_standby_names as a connection shows it that was forked after `alongside` was loaded. */
  readonly names: string | null;
}

/**
 * Streaming ended for good, and the final position. The connection that is part of the proof is opened as early as it may
 * be: its fork takes about as long as all the rest, which goes on meanwhile.
 */
export async function standStill({ instance, alongside, deadlineMs }: StandStillOptions): Promise<StoodStill> {
  const { session } = instance;
  const { dataDir } = instance.start;
  let opened: Promise<Identifier> | null = null;
  const open = () => {
    opened ??= identifierOf(instance);
    return opened;
  };
  let names: string | null = null;
  const ways = {
    ...waysOf(instance),
    identify: async () => {
      const identity = await (await open()).identify();
      names = identity.names;
      return identity;
    },
  };
  try {
    // Whoever asks for the identity learns why the connection failed.
    const reloaded = () => void open().catch(() => undefined);
    await revoke({ session, ways, alongside: alongside ?? {}, deadlineMs, reloaded });
    const position = await finalPosition({ session, ways, dataDir, deadlineMs });
    return { position, names };
  } finally {
    void close(opened);
  }
}

/** Nobody waits for its end. */
async function close(opened: Promise<Identifier> | null): Promise<void> {
  await opened?.then((identifier) => identifier.close()).catch(() => undefined);
}
