import { access } from "node:fs/promises";
import { join } from "node:path";
import { hasCode } from "./durable_files.js";

/** Whether a directory is a Postgres data directory. */
export async function holdsData(dataDir: string): Promise<boolean> {
  return access(join(dataDir, "PG_VERSION")).then(
    () => true,
    // Whatever else is wrong with it, it is not known to be gone.
    (error: unknown) => !hasCode(error, "ENOENT"),
  );
}
