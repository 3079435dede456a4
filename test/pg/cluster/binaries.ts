import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type Binaries, findBinaries } from "../../../src/postgres/binaries.js";
import { chooseOsUser } from "../../../src/postgres/os_user.js";

/** Of the repository: where npm's Postgres is resolved from. */
const PACKAGE_ROOT = fileURLToPath(new URL("../../../", import.meta.url));

/** The Postgres that the clusters of this run are made of: npm's, or the system's with QUORATE_TEST_POSTGRES=system. */
export async function clusterBinaries(): Promise<Binaries> {
  const system = process.env.QUORATE_TEST_POSTGRES === "system";
  return findBinaries({
    sources: system ? ["path", "distribution"] : ["npm"],
    packageRoot: PACKAGE_ROOT,
    user: await chooseOsUser({}),
    cacheDir: join(tmpdir(), "quorate-test-cache"),
  });
}
