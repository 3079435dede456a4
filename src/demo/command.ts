import { type Command, InvalidArgumentError, Option } from "commander";
import type { CliContext } from "../cli/context.js";
import { CommandFailed } from "../cli/context.js";
import { EXIT } from "../cli/exit_codes.js";
import { writeJson, writeLines } from "../cli/render.js";
import { endDemo } from "./ending.js";
import { FAULTS } from "./fault.js";
import { findHome } from "./home.js";
import { type DemoPolicy, parsePolicy } from "./plan.js";
import { type DemoOptions, runDemo } from "./run_demo.js";
import { DemoFailed } from "./waiting.js";

const NODES_MIN = 3;
const NODES_MAX = 7;

const EXAMPLES = `
Examples:
  quorate demo                          three nodes form, lose their leader, elect another, take the old one back
  quorate demo --fault node             the whole node dies, not only its Postgres
  quorate demo --nodes 5 --policy at_least:3
  quorate demo --keep --dir ./mydemo    leaves it running, to try things by hand
  quorate demo stop --dir ./mydemo      ends a kept one, and removes its directory
  quorate demo -o json                  one object at the end; progress goes to standard error

Everything runs on loopback, in one directory. Ctrl-C at any moment leaves nothing behind.
Exit codes: 0 nothing was lost and nothing is left behind, 1 otherwise, 130 interrupted.`;

/** `quorate demo` and `quorate demo stop`. */
export function registerDemo(program: Command, context: CliContext): void {
  const demo = program
    .command("demo")
    .description("a local cluster that loses its leader under load, and the verdict")
    .addHelpText("after", EXAMPLES)
    .option("--nodes <number>", `how many nodes, ${NODES_MIN} to ${NODES_MAX}`, readNodes, NODES_MIN)
    .option("--policy <policy>", "majority, or at_least:N copies", readPolicy, "majority" as DemoPolicy)
    .addOption(
      new Option("--fault <fault>", "what is killed: the leader's postmaster, or its whole node")
        .choices([...FAULTS])
        .default("postmaster"),
    )
    .option("--keep", "leave the cluster running at the end", false);
  addPlaceAndOutput(demo, "where everything lies; empty or absent (default: a temporary directory)");
  // An argument of its own, only to refuse it with more than a number of arguments.
  demo
    .usage("[options] [command]")
    .argument("[nothing]")
    .action((word: string | undefined, _: unknown, self: Command) => {
      if (word !== undefined) throw new CommandFailed(EXIT.usage, strayWord(word));
      return runDemo(self.opts<DemoOptions>(), context);
    });

  const stop = demo.command("stop").description("end a kept demo, whatever happened in it, and remove its directory");
  addPlaceAndOutput(stop, "the directory of the kept demo").action((_: unknown, self: Command) =>
    // The parent knows both options too, and takes them wherever they stand.
    stopDemo(self.optsWithGlobals<{ readonly dir?: string; readonly output: "text" | "json" }>(), context),
  );
}

function addPlaceAndOutput(command: Command, dir: string): Command {
  return command
    .option("--dir <directory>", dir)
    .addOption(
      new Option("-o, --output <format>", "text for people, json for programs")
        .choices(["text", "json"])
        .default("text"),
    );
}

function strayWord(word: string): string {
  return `quorate demo ${word}: there is no such command; run the demo with \`quorate demo\`, or end a kept one with \`quorate demo stop --dir DIRECTORY\` (quorate demo --help shows the options)`;
}

async function stopDemo(
  options: { readonly dir?: string; readonly output: "text" | "json" },
  context: CliContext,
): Promise<void> {
  if (options.dir === undefined)
    throw new CommandFailed(EXIT.usage, "which demo? Name the directory that `quorate demo --keep` printed with --dir");
  const home = await findHome(options.dir).catch((error: unknown) => {
    throw error instanceof DemoFailed ? new CommandFailed(EXIT.failed, error.message) : error;
  });
  const left = await endDemo(home);
  if (options.output === "json")
    writeJson(context.stdout, { schema: "quorate.demo-stop/1", dir: home.dir, left_behind: left });
  else if (left.length === 0) writeLines(context.stdout, `the demo in ${home.dir} is stopped and removed`);
  if (left.length > 0)
    throw new CommandFailed(EXIT.failed, `left behind: ${left.join("; ")}; end these by hand and stop the demo again`);
}

function readNodes(text: string): number {
  const nodes = Number(text);
  if (Number.isInteger(nodes) && nodes >= NODES_MIN && nodes <= NODES_MAX) return nodes;
  throw new InvalidArgumentError(`A failover that needs no dead node takes ${NODES_MIN} to ${NODES_MAX} nodes.`);
}

function readPolicy(text: string): DemoPolicy {
  const policy = parsePolicy(text);
  if (policy !== null) return policy;
  throw new InvalidArgumentError("Write majority, or at_least:2.");
}
