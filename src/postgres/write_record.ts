import type { MadeCredentials } from "../agent/ports.js";
import type { PostgresAction } from "../core/effects.js";
import type { Lsn } from "../core/log/lsn.js";
import { foundCluster, writeRuleset } from "./ruleset_table.js";
import type { SqlRunner } from "./sql/runner.js";

/** A ruleset record as the core wants it; the founding one brings the roles and the schema along. */
export function writeRecord(
  session: SqlRunner,
  action: Extract<PostgresAction, { kind: "write_record" }>,
  roles: { readonly superuser: string; readonly replicationUser: string },
  credentials: MadeCredentials | null,
): Promise<Lsn> {
  const { record, standing, cause, term } = action;
  if (!action.founding || credentials === null || record.ruleset === null) {
    return writeRuleset(session, { ...record, cause }, standing);
  }
  return foundCluster(session, {
    superuser: { name: roles.superuser, password: credentials.superuserPassword },
    replication: {
      name: roles.replicationUser,
      password: credentials.replicationPassword,
      random: credentials.replicationMade,
    },
    ruleset: record.ruleset,
    term,
    writtenBy: record.writtenBy,
    cause,
  });
}
