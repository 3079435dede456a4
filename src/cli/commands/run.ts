import type { Command } from "commander";
import type { ClusterConfig, NodeConfig } from "../../config/cluster_config.js";
import type { CliContext } from "../context.js";
import { CommandFailed } from "../context.js";
import { dataDirTrouble } from "../data_dir.js";
import { EXIT } from "../exit_codes.js";
import { addCommonOptions, type CommonOptions, requireConfig, requireNode } from "../options.js";

/** What `run` needs of the sidecar; main.ts hands it in. */
export interface RunningSidecar {
  stop(postgres: "fence" | "hand_over" | "leave"): Promise<void>;
  readonly failed: Promise<string>;
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

const EXAMPLES = `
Examples:
  quorate run -c quorate.yaml --node n1
  QUORATE_NODE=n1 quorate run -c quorate.yaml
  quorate run -c quorate.yaml                 on the host whose name or address is one node's

SIGTERM ends the sidecar alone: its Postgres goes on, and a sidecar that is started again soon goes on with it, in the same
term. Started with --stop-postgres it stops its Postgres as well, and lets another node lead first if it leads. SIGINT (Ctrl-C)
stops both at once, and the others elect.
Logs are JSON lines on standard error.

--record FILE appends what the core saw and did, for \`npm run -s sim -- --replay FILE...\` of the repository: some 4 MB an hour
when idle; a file of 256 MB becomes FILE.1, and the FILE.1 before it is gone. It holds no password. A kill -9 loses the last
tenth of a second.`;

export interface RunOptions {
  /** Where to record what the core sees and does; null: nowhere. */
  readonly record: string | null;
  /** Of Quorate itself. */
  readonly version: string;
}

export function registerRun(
  start: (config: ClusterConfig, node: NodeConfig, options: RunOptions) => Promise<RunningSidecar>,
) {
  return (program: Command, context: CliContext): void => {
    const command = program
      .command("run")
      .description("be the sidecar of one node: start its Postgres, and keep the cluster available")
      .option("--stop-postgres", "at SIGTERM stop Postgres as well; a leader hands over first")
      .option("--record <file>", "append what the core sees and does to this file, to be replayed and checked")
      .addHelpText("after", EXAMPLES);
    addCommonOptions(command).action(async (_: unknown, self: Command) => {
      const options = self.opts<CommonOptions & { record?: string; stopPostgres?: true }>();
      // Twice: which node this is says whose password files are to be read; only the second time may warn.
      const silent = { ...context, stderr: { write: () => undefined } };
      const loaded = await requireConfig(silent, { config: options.config, secrets: "skip" });
      const chosen = requireNode(context, loaded, options.node);
      const config = await requireConfig(context, { config: options.config, secrets: "read", node: chosen.id });
      const node = requireNode(context, config, chosen.id);
      const trouble = await dataDirTrouble(node, config.file);
      if (trouble !== null) throw new CommandFailed(EXIT.failed, trouble);
      const atTerm = options.stopPostgres === true ? "hand_over" : "leave";
      await runUntilStopped(context, atTerm, () =>
        start(config, node, { record: options.record ?? null, version: context.version }),
      );
    });
  };
}

async function runUntilStopped(
  context: CliContext,
  atTerm: "hand_over" | "leave",
  start: () => Promise<RunningSidecar>,
): Promise<void> {
  const stopped = untilSignal();
  const broken = untilUncaught();
  const sidecar = await start().catch((error: unknown) => {
    throw new CommandFailed(EXIT.failed, error instanceof Error ? error.message : String(error));
  });
  const end = await Promise.race([
    stopped.then((signal) => ({ signal })),
    sidecar.failed.then((reason) => ({ reason })),
    broken.then((reason) => ({ reason })),
  ]);
  // Ctrl-C and a terminal that is closed are a person's who ends it all.
  await sidecar.stop("signal" in end && end.signal === "SIGTERM" ? atTerm : "fence");
  if ("reason" in end)
    throw new CommandFailed(EXIT.failed, `the sidecar ended itself, its Postgres fenced: ${end.reason}`);
  context.exitWith(end.signal === "SIGINT" ? EXIT.interrupted : EXIT.done);
}

/** A mistake of ours must not leave a Postgres without its sidecar: it is fenced like at any other end. */
function untilUncaught(): Promise<string> {
  return new Promise((resolve) => {
    process.on("uncaughtException", (error) => resolve(error.stack ?? error.message));
    process.on("unhandledRejection", (cause) =>
      resolve(cause instanceof Error ? (cause.stack ?? cause.message) : String(cause)),
    );
  });
}

function untilSignal(): Promise<(typeof SIGNALS)[number]> {
  return new Promise((resolve) => {
    for (const signal of SIGNALS) process.on(signal, () => resolve(signal));
  });
}
