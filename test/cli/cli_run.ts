import type { RegisterCommand } from "../../src/cli/context.js";
import { runCli } from "../../src/cli/main.js";

export interface CliRun {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command line in this process. */
export async function cli(
  argv: readonly string[],
  more: readonly RegisterCommand[] = [],
  env: Readonly<Record<string, string>> = {},
): Promise<CliRun> {
  const out: string[] = [];
  const err: string[] = [];
  const code = await runCli(
    argv,
    {
      stdout: { write: (text) => out.push(text) },
      stderr: { write: (text) => err.push(text) },
      env,
      hosts: ["10.0.0.1"],
      version: "1.2.3",
      nodeVersion: "20.0.0",
    },
    more,
  );
  return { code, stdout: out.join(""), stderr: err.join("") };
}
