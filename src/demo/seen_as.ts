import { spawnSync } from "node:child_process";

/** What /proc tells of a process to its own user, and to root only with CAP_SYS_PTRACE. */
export interface Inside {
  readonly cwd: string;
  /** Its environment, of this program's variables alone. */
  readonly variables: readonly string[];
}

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

/** One line each: number, folder and variables, between bytes that no path has. Nothing of what cannot be seen. */
const LOOK = `
for pid; do
  mapfile -d '' -t variables 2>/dev/null < "/proc/$pid/environ" || continue
  (
    cd -P "/proc/$pid/cwd" 2>/dev/null || exit
    printf '%s\\001%s' "$pid" "$PWD"
    for variable in "\${variables[@]}"; do
      [[ $variable == QUORATE_* && $variable != *PASSWORD* ]] && printf '\\001%s' "$variable"
    done
    printf '\\002'
  )
done
exit 0
`;
const DEADLINE_MS = 5_000;

/**
 * Looks at these processes by a child that is their user: root without CAP_SYS_PTRACE, as in most containers, may end them and
 * not look at them (ptrace(2)). Whatever it does not tell of cannot be seen, or is gone.
 */
export function seenAs({ uid, gid }: Owner, pids: readonly number[]): ReadonlyMap<number, Inside> {
  const args = ["--norc", "-p", "-c", LOOK, "quorate-look", ...pids.map(String)];
  const { stdout } = spawnSync("bash", args, {
    ...{ uid, gid, cwd: "/", encoding: "latin1", timeout: DEADLINE_MS, env: { PATH: process.env.PATH } },
    stdio: ["ignore", "pipe", "ignore"],
  });
  const entries = (stdout ?? "").split("\x02").slice(0, -1);
  return new Map(
    entries.map((entry) => {
      const [pid, cwd = "", ...variables] = entry.split("\x01");
      return [Number(pid), { cwd, variables }];
    }),
  );
}
