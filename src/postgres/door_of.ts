import type { DoorOptions } from "./doors.js";
import type { Instance } from "./instance.js";
import type { SafeStartOptions } from "./safe_start.js";

/** Where the door of a running Postgres is. */
export function doorOf(instance: Instance, start: SafeStartOptions): Omit<DoorOptions, "deadlineMs"> {
  const { running, user } = instance;
  return {
    hbaFile: running.hbaFile,
    hba: start.hba,
    user,
    postmasterPid: running.pid,
    target: { host: running.socketDir, port: start.port },
  };
}
