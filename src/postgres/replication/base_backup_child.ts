import { dirname } from "node:path";
import { checkRoom } from "../disk_room.js";
import { BackupQuery } from "./backup_query.js";
import type { FromChild, StartBackup } from "./base_backup_protocol.js";
import { formatEnds } from "./clone_marker.js";
import { takeTurn } from "./clone_turns.js";
import { syncAll } from "./clone_writer.js";
import { replicationClient } from "./connection.js";

/**
 * The program of the child process that streams a clone to disk: writing blocks its event loop, which the sidecar's must
 * never be. It is told what to do over the pipe (the password is in no argument and no environment), says how far it is,
 * and ends with the pipe: a sidecar that dies takes its clone with it.
 */
const PROGRESS_EVERY_MS = 100;

process.once("message", (message) => {
  void main(message as StartBackup);
});
process.once("disconnect", () => process.exit(1));

async function main(start: StartBackup): Promise<void> {
  try {
    becomeUser(start);
    const ends = await run(start);
    await tell({ kind: "done", ends: formatEnds(ends) });
    process.exit(0);
  } catch (error) {
    const code = error instanceof Error && "code" in error ? String(error.code) : null;
    await tell({ kind: "failed", code, reason: error instanceof Error ? error.message : String(error) });
    process.exit(1);
  }
}

/** Files then belong to the right user from the first byte, and a hostile archive can do no more than that user. */
function becomeUser({ identity }: StartBackup): void {
  process.umask(0o077);
  if (identity === null) return;
  process.setgroups?.([identity.gid]);
  process.setgid?.(identity.gid);
  process.setuid?.(identity.uid);
}

async function run({
  source,
  applicationName,
  connectTimeoutMs,
  dir,
  tablespacesDir,
  command,
  turns,
  keepFreeBytes,
}: StartBackup) {
  const client = replicationClient({ ...source, applicationName, connectTimeoutMs });
  // The pending query is told as well; this listener only keeps the event from ending the process without a word.
  client.on("error", () => undefined);
  await client.connect();
  await takeTurn(client, turns, () => void tell({ kind: "waiting_for_turn" }));
  void tell({ kind: "waiting_for_checkpoint" });
  let toldAtMs = 0;
  const backup = new BackupQuery({
    command,
    dir,
    tablespacesDir,
    onSize: (totalBytes) => {
      if (totalBytes !== null) checkRoom(dirname(dir), totalBytes, keepFreeBytes);
    },
    onBytes: (receivedBytes, totalBytes) => {
      const nowMs = performance.now();
      if (nowMs - toldAtMs < PROGRESS_EVERY_MS) return;
      toldAtMs = nowMs;
      void tell({ kind: "progress", progress: { receivedBytes, totalBytes, phase: "copying" } });
    },
  });
  client.query(backup);
  const ends = await backup.ends;
  await client.end();
  void tell({ kind: "syncing" });
  await syncAll(backup.written);
  return ends;
}

function tell(message: FromChild): Promise<void> {
  return new Promise((done) => {
    if (process.send === undefined || !process.connected) done();
    else process.send(message, () => done());
  });
}
