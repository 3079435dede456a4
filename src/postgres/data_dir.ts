import { access, readdir } from "node:fs/promises";
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

/** The same before the first start, when it may not be there yet. @throws when it is neither that nor empty. */
export async function holdsDataOrNothing(dataDir: string): Promise<boolean> {
  const entries: string[] = await readdir(dataDir).catch((error: unknown) => {
    if (hasCode(error, "ENOENT")) return [];
    throw error;
  });
  const present = entries.includes("PG_VERSION");
  if (!present && entries.length > 0) {
    throw new Error(
      `${dataDir} is not empty and is no Postgres data directory (${entries.slice(0, 3).join(", ")}); set data_dir elsewhere, or move these files away`,
    );
  }
  return present;
}
