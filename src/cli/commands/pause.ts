import type { Command } from "commander";
import type { ClusterConfig } from "../../config/cluster_config.js";
import type { TlsMaterial } from "../../tls/material.js";
import { orderPause } from "../../transport/order_client.js";
import { requireMaterial } from "../certificates.js";
import { type CliContext, CommandFailed } from "../context.js";
import { EXIT } from "../exit_codes.js";
import { addCommonOptions, type CommonOptions, requireConfig } from "../options.js";
import type { PauseJson } from "../order_schemas.js";
import { writeJson, writeLines } from "../render.js";
import { type Answer, ask } from "./status.js";

const PAUSE_EXAMPLES = `
Examples:
  quorate pause -c quorate.yaml              before work on the network: nobody is to elect by itself
  quorate failover -c quorate.yaml           elects once all the same
  quorate resume -c quorate.yaml

Paused, a leader that dies is not replaced, and its writes stay out; promises, switchover and failover go on. Every node
keeps the order in its state file; one that is away hears of it when it comes back. quorate status ends with 1 meanwhile.

Exit codes: 0 done, 1 a node that answers did not take it over, 3 nobody answered.`;

const RESUME_EXAMPLES = `
Examples:
  quorate resume -c quorate.yaml             the nodes elect again; at once, if nobody leads

Exit codes: 0 done, 1 a node that answers did not take it over, 3 nobody answered.`;

const ORDER_MS = 5000;
/** Longer than an order needs to be heard by everybody and written to their disks. */
const SPREAD_MS = 5000;
const LOOK_AGAIN_MS = 100;

export function registerPause(program: Command, context: CliContext): void {
  register(program, context, true, "let nobody elect a leader by itself", PAUSE_EXAMPLES);
}

export function registerResume(program: Command, context: CliContext): void {
  register(program, context, false, "let the nodes elect a leader again", RESUME_EXAMPLES);
}

function register(program: Command, context: CliContext, paused: boolean, description: string, examples: string): void {
  const command = program
    .command(paused ? "pause" : "resume")
    .description(description)
    .addHelpText("after", examples);
  addCommonOptions(command, "the sidecar that is asked first (any will do)").action(
    async (_: unknown, self: Command) => {
      const options = self.opts<CommonOptions>();
      const config = await requireConfig(context, { config: options.config, secrets: "skip" });
      if (options.node !== undefined && !config.nodes.some(({ id }) => id === options.node))
        throw new CommandFailed(EXIT.usage, `${config.file} has no node ${options.node}`);
      const json = await run(context, config, paused, options);
      context.exitWith(json.ok ? EXIT.done : EXIT.failed);
      if (options.output === "json") writeJson(context.stdout, json);
      writeLines(options.output === "json" ? context.stderr : context.stdout, say(json));
    },
  );
}

async function run(
  context: CliContext,
  config: ClusterConfig,
  paused: boolean,
  { node }: CommonOptions,
): Promise<PauseJson> {
  const tls = await requireMaterial(context, config, node);
  const number = await give(context, config, tls, paused, node);
  const until = performance.now() + SPREAD_MS;
  for (;;) {
    const answers = await ask(config, tls);
    const kept = answers.filter(({ status }) => status?.paused === paused);
    const behind = answers.filter(({ status }) => status !== null && status.paused !== paused);
    if (behind.length === 0 || performance.now() > until) {
      const missing = answers.filter((a) => !kept.includes(a));
      const ok = behind.length === 0 && kept.length > 0;
      return { schema: "quorate.pause/1", ok, paused, number, kept_by: idsOf(kept), missing: idsOf(missing) };
    }
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  }
}

/** To the first that takes it: it spreads from there. */
async function give(
  context: CliContext,
  config: ClusterConfig,
  tls: TlsMaterial | null,
  paused: boolean,
  first: string | undefined,
): Promise<number> {
  const order = [...config.nodes].sort((a, b) => Number(b.id === first) - Number(a.id === first));
  const reasons: string[] = [];
  for (const { id, host, port } of order) {
    const to = { id, host, port, cluster: config.cluster, deadlineMs: ORDER_MS, tls };
    const reply = await orderPause(to, paused);
    if (reply.ok) {
      context.stderr.write(`${id} keeps the order (no. ${reply.result.number}), and tells the others\n`);
      return reply.result.number;
    }
    reasons.push(`${id}: ${reply.reason}`);
  }
  throw new CommandFailed(EXIT.nobodyAnswered, `nobody took the order: ${reasons.join("; ")}`);
}

function say({ ok, paused, kept_by, missing }: PauseJson): string {
  const what = paused ? "elections are paused" : "elections are resumed";
  const where = `${what} on ${kept_by.join(", ") || "no node"}`;
  if (missing.length === 0) return where;
  const rest = ok ? "not reached, they hear of it when they come back" : "it did not get there";
  return `${where}; ${missing.join(", ")}: ${rest}`;
}

function idsOf(answers: readonly Answer[]): string[] {
  return answers.map(({ id }) => id);
}
