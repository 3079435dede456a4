import { constants } from "node:fs";
import { access } from "node:fs/promises";
import { setPriority } from "node:os";
import { delimiter, join } from "node:path";

/** Others go first, and it still gets its share of an idle processor. */
const NICENESS = 10;
/** The lowest priority of the ordinary class: the idle one could wait for ever. `-t`: works all the same where it may not. */
const IONICE = ["-t", "-c", "2", "-n", "7"];

/** The command line of a program that leaves the disk to others, where there is `ionice`. */
export async function withLowDiskPriority(program: string, args: readonly string[]): Promise<[string, ...string[]]> {
  for (const folder of (process.env.PATH ?? "").split(delimiter)) {
    const ionice = join(folder, "ionice");
    if (folder !== "" && (await isExecutable(ionice))) return [ionice, ...IONICE, program, ...args];
  }
  return [program, ...args];
}

/** The same for the processor, of a process that runs. Where that is not allowed, `said` hears of it. */
export function lowerPriority(pid: number | undefined, said: (line: string) => void): void {
  if (pid === undefined) return;
  try {
    setPriority(pid, NICENESS);
  } catch (error) {
    said(`it runs at the ordinary priority: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function isExecutable(path: string): Promise<boolean> {
  return access(path, constants.X_OK).then(
    () => true,
    () => false,
  );
}
