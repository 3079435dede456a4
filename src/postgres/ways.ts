import { writeAutoConf } from "./auto_conf.js";
import type { Instance } from "./instance.js";
import { type Identifier, identifySystem, openIdentifier, type ReplicationTarget } from "./replication/connection.js";
import type { RevokeWays } from "./revoke.js";
import type { FreshSession } from "./sync_names.js";

const IDENTIFY_TIMEOUT_MS = 5_000;

/** How a running Postgres of ours is reached where SQL does not: its settings file, a reload, connections of their own. */
export function waysOf(instance: Instance): RevokeWays & FreshSession {
  const { start } = instance;
  return {
    setAutoConf: (settings) => writeAutoConf(start.dataDir, settings, start.user),
    reload: async () => {
      await instance.session.query("SELECT pg_reload_conf()");
    },
    identify: () => identifySystem(ourselves(instance)),
    fresh: (use) => instance.fresh(use),
  };
}

/** A replication connection of ours; the caller closes it. */
export function identifierOf(instance: Instance): Promise<Identifier> {
  return openIdentifier(ourselves(instance));
}

function ourselves({ running, start }: Instance): ReplicationTarget {
  return {
    host: running.socketDir,
    port: start.port,
    user: start.hba.superuser,
    password: null,
    applicationName: "quorate",
    connectTimeoutMs: IDENTIFY_TIMEOUT_MS,
  };
}
