import { Command, CommanderError } from "commander";
import { registerConfigCheck } from "./commands/config_check.js";
import { registerNotYet } from "./commands/not_yet.js";
import { registerTlsInit } from "./commands/tls_init.js";
import { registerVersion } from "./commands/version.js";
import { type CliContext, CommandFailed, type RegisterCommand } from "./context.js";
import { EXIT, type ExitCode } from "./exit_codes.js";

const EXAMPLES = `
Examples:
  quorate config check quorate.yaml             is the configuration right?
  quorate run -c quorate.yaml --node n1         be the sidecar of n1
  quorate status -c quorate.yaml -o json        what does the cluster say of itself?
  quorate watch -c quorate.yaml                 the same, live
  quorate explain -c quorate.yaml               why does nothing happen? who may die next?
  quorate history -c quorate.yaml               who led when and why?
  quorate tls init -c quorate.yaml              certificates, for hosts that talk over a network
  quorate switchover -c quorate.yaml --to n2    let n2 lead, without losing a write
  quorate restart n2 --pending -c quorate.yaml  start n2's Postgres again, if a setting waits for it
  quorate pause -c quorate.yaml                 let nobody elect by itself; resume ends it

Exit codes: 0 done, 1 failed, 3 nobody answered, 4 refused because it would not be safe now,
64 usage, 78 configuration refused, 130 interrupted. Of status: 0 healthy, 1 degraded, 2 no leader.`;

/** What main.ts knows of the process; the exit code is collected here. */
export type CliDependencies = Omit<CliContext, "exitWith">;

/**
 * Runs one command and resolves to the exit code; never ends the process itself.
 * Commands that need adapters (`run`, `status`, `demo`) are registered by the caller through `more`.
 */
export async function runCli(
  argv: readonly string[],
  dependencies: CliDependencies,
  more: readonly RegisterCommand[] = [],
): Promise<number> {
  let code: ExitCode = EXIT.done;
  const context: CliContext = {
    ...dependencies,
    exitWith: (wanted) => {
      code = wanted;
    },
  };
  const program = newProgram(context);
  for (const register of [...more, registerConfigCheck, registerTlsInit, registerVersion, registerNotYet])
    register(program, context);
  inheritBehaviour(program);
  try {
    await program.parseAsync([...argv], { from: "user" });
    return code;
  } catch (error) {
    return report(error, context);
  }
}

function newProgram(context: CliContext): Command {
  const program = new Command("quorate")
    .description(
      "A sidecar beside each Postgres: a durability quorum before a commit is acknowledged, and automatic failover.",
    )
    .version(context.version, "-V, --version", "print the version alone")
    .addHelpText("after", EXAMPLES)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => context.stdout.write(text),
      writeErr: (text) => context.stderr.write(text),
    })
    .showSuggestionAfterError()
    .showHelpAfterError("(quorate --help lists the commands and examples)");
  return program;
}

/** commander copies settings to a subcommand when it is made; one that was added ready-made would end the process itself. */
function inheritBehaviour(command: Command): void {
  for (const child of command.commands) {
    child.copyInheritedSettings(command);
    child.showHelpAfterError(`(${pathOf(child)} --help shows its options and examples)`);
    inheritBehaviour(child);
  }
}

function pathOf(command: Command): string {
  return command.parent === null ? command.name() : `${pathOf(command.parent)} ${command.name()}`;
}

function report(error: unknown, context: CliContext): number {
  // commander has printed its message already; --help and --version end with 0.
  if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.done : EXIT.usage;
  if (error instanceof CommandFailed) {
    context.stderr.write(`${error.message}\n`);
    return error.code;
  }
  const detail = error instanceof Error ? (error.stack ?? error.message) : String(error);
  context.stderr.write(`quorate failed in a way it does not know; please report this: ${detail}\n`);
  return EXIT.failed;
}
