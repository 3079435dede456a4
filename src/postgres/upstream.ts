import type { Credentials } from "../agent/ports.js";
import type { Term } from "../core/log/position.js";
import { followerName } from "../core/quorum/sync_standby_names.js";
import { conninfo, NOTICED_WHEN_GONE } from "./conninfo.js";
import type { LocalOptions } from "./local_options.js";
import { slotName } from "./slots.js";
import type { Place } from "./sources.js";

/** What makes a standby stream from this leader under this term: by a name that says so, through a slot of its own. */
export function upstream(
  { self, incarnation, start }: LocalOptions,
  term: Term,
  { host, port }: Place,
  { replicationPassword }: Credentials,
): Record<"primary_conninfo" | "primary_slot_name", string> {
  return {
    primary_conninfo: conninfo({
      host,
      port: String(port),
      user: start.hba.replicationUser,
      password: replicationPassword,
      application_name: followerName(self, term),
      connect_timeout: "3",
      ...NOTICED_WHEN_GONE,
    }),
    primary_slot_name: slotName({ id: self, incarnation }),
  };
}
