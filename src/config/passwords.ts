import { readFile, stat } from "node:fs/promises";
import type { Problem } from "./problems.js";
import { type Passwords, passwordKey, type RoleName, resolvePath } from "./resolve.js";
import type { FileConfig } from "./schema.js";
import { type ConfigSource, written } from "./source.js";

export interface PasswordsFound {
  readonly passwords: Passwords;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

type Environment = Readonly<Record<string, string | undefined>>;

const VARIABLES: Readonly<Record<RoleName, string>> = {
  superuser: "QUORATE_SUPERUSER_PASSWORD",
  replication: "QUORATE_REPLICATION_PASSWORD",
};
/** Bits of the mode that let the group or others in. */
const OTHERS = 0o077;

/**
 * The passwords of `ids`, from the environment, else from the files that the configuration names.
 * Nothing of a password ever goes into a problem.
 */
export async function readPasswords(
  source: ConfigSource,
  file: FileConfig,
  ids: readonly string[],
  env: Environment,
): Promise<PasswordsFound> {
  const passwords = new Map<string, string>();
  const problems: Problem[] = [];
  const warnings: Problem[] = [];
  for (const id of ids) {
    for (const role of ["superuser", "replication"] as const) {
      const place = written(source, id, ["postgres", role, "password_file"]);
      const path = file.nodes?.[id]?.postgres?.[role]?.password_file ?? file.postgres?.[role]?.password_file;
      const given = env[VARIABLES[role]];
      if (given !== undefined && given !== "") {
        if (path !== undefined)
          warnings.push(source.problem(place, `not read: ${VARIABLES[role]} is set and wins; unset one of the two`));
        passwords.set(passwordKey(id, role), given);
      } else if (path !== undefined) {
        const read = await readPasswordFile(resolvePath(source.file, path));
        if (read.kind === "read") passwords.set(passwordKey(id, role), read.password);
        else problems.push(source.problem(place, read.message));
      }
    }
  }
  return { passwords, problems, warnings };
}

type FileRead =
  | { readonly kind: "read"; readonly password: string }
  | { readonly kind: "refused"; readonly message: string };

async function readPasswordFile(path: string): Promise<FileRead> {
  const refused = (message: string): FileRead => ({ kind: "refused", message });
  try {
    const { mode } = await stat(path);
    if ((mode & OTHERS) !== 0) {
      return refused(`${path} can be read by others (mode ${(mode & 0o777).toString(8)}); run \`chmod 600 ${path}\``);
    }
    const password = (await readFile(path, "utf8")).replace(/\r?\n$/, "");
    if (password === "") return refused(`${path} is empty; write the password into it, alone on one line`);
    if (/[\r\n\0]/.test(password)) return refused(`${path} has more than one line; keep the password alone in it`);
    return { kind: "read", password };
  } catch (error) {
    const cause =
      (error as NodeJS.ErrnoException).code === "ENOENT"
        ? "does not exist"
        : `cannot be read: ${(error as Error).message}`;
    return refused(`${path} ${cause}; create it with the password, readable by the sidecar's user alone`);
  }
}
