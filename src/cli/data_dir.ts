import { constants } from "node:fs";
import { access, mkdir, readdir } from "node:fs/promises";
import { userInfo } from "node:os";
import { join } from "node:path";
import type { NodeConfig } from "../config/cluster_config.js";

/** Others may pass through, as Postgres' user has to when the sidecar is root; they may not look around. */
const PASSABLE = 0o711;

/**
 * Makes the node's data directory with the state directory in it, and finds out whether this user may write there;
 * null if so, else what is wrong and the command that helps. Below the default, /var/lib, only root may make it.
 */
export async function dataDirTrouble({ id, data_dir }: NodeConfig, file: string): Promise<string | null> {
  try {
    const state = join(data_dir, "state");
    await mkdir(state, { recursive: true, mode: PASSABLE });
    for (const path of [data_dir, state]) await access(path, constants.W_OK | constants.X_OK);
    return null;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code !== "EACCES" && code !== "EPERM")
      return `data_dir: ${data_dir} of ${id} cannot be used: ${message}; name another folder as data_dir of ${id} in ${file}`;
    const { name, uid } = whoRuns();
    const what = `data_dir: ${data_dir} of ${id} cannot be made or written by ${name} (user id ${uid}), who runs this`;
    const another = `name a folder of ${name} as data_dir of ${id} in ${file}`;
    if (await holdsSomething(data_dir))
      return `${what}, and it is not empty, or closed; run as its owner, give it over with \`sudo chown -R ${name} ${data_dir}\`, or ${another}`;
    return `${what}; create it with \`sudo install -d -o ${name} ${data_dir}\`, or ${another}`;
  }
}

function whoRuns(): { readonly name: string; readonly uid: number } {
  const uid = process.geteuid?.() ?? -1;
  try {
    return { name: userInfo().username, uid };
  } catch {
    // A user id without an entry in the passwd database, as in a container: install and chown take the number too.
    return { name: String(uid), uid };
  }
}

/** What may not even be looked into counts as something: it is not to be made anew. */
async function holdsSomething(path: string): Promise<boolean> {
  return readdir(path).then(
    (entries) => entries.length > 0,
    ({ code }: NodeJS.ErrnoException) => code !== "ENOENT" && code !== "ENOTDIR",
  );
}
