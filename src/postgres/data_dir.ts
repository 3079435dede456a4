import { access } from "node:fs/promises";
import { join } from "node:path";

/** Whether a directory is a Postgres data directory. */
export async function holdsData(dataDir: string): Promise<boolean> {
  return access(join(dataDir, "PG_VERSION")).then(
    () => true,
    () => false,
  );
}
