import { access } from "node:fs/promises";
import { join } from "node:path";
import type { CheckInput } from "./cross_checks.js";
import { isOnThisHost } from "./hosts.js";
import type { Problem } from "./problems.js";
import { written } from "./source.js";

/** A configured `postgres.bin_dir` without a `postgres` in it. Of the nodes of this host only: nobody sees the others' disks. */
export async function missingPrograms(
  { source, nodes }: CheckInput,
  ownHosts: readonly string[],
): Promise<readonly Problem[]> {
  const warnings: Problem[] = [];
  if (ownHosts.length === 0) return warnings;
  for (const { id, host, postgres } of nodes) {
    if (postgres.bin_dir === null || !isOnThisHost(host, ownHosts)) continue;
    const found = await access(join(postgres.bin_dir, "postgres")).then(
      () => true,
      () => false,
    );
    if (found) continue;
    const message = `there is no ${join(postgres.bin_dir, "postgres")} on this host, which is ${id}'s; name the folder that holds postgres and initdb, or leave it out`;
    warnings.push(source.problem(written(source, id, ["postgres", "bin_dir"]), message));
  }
  return warnings;
}
