import type { Command } from "commander";
import type { ClusterConfig, NodeConfig } from "../../config/cluster_config.js";
import { parseDuration } from "../../config/duration.js";
import type { RestartResult } from "../../core/orders.js";
import type { TlsMaterial } from "../../tls/material.js";
import { orderRestart } from "../../transport/order_client.js";
import { requireMaterial } from "../certificates.js";
import { type CliContext, CommandFailed } from "../context.js";
import { EXIT, type ExitCode } from "../exit_codes.js";
import { addCommonOptions, type CommonOptions, requireConfig, requireNode } from "../options.js";
import type { RestartJson } from "../order_schemas.js";
import { pendingOf, pendingText } from "../pending_settings.js";
import { writeJson, writeLines } from "../render.js";
import { ask, askNode, best } from "./status.js";

const EXAMPLES = `
Examples:
  quorate restart n2 -c quorate.yaml             the Postgres of n2, with its settings of now
  quorate restart n2 --pending -c quorate.yaml   only if a setting waits for it (quorate status shows which)
  quorate restart n1 -c quorate.yaml -o json     n1 leads: it hands over first, and comes back as a follower

A follower makes a restartpoint, is stopped cleanly (its readers are cut off), started again, and streams: refused if no
commit could complete without it meanwhile, unless --force says that commits may wait. A leader hands over to whoever is
best placed, as quorate switchover does, and is refused as that is; what led is never gone on with, so its Postgres is
started again by that. max_connections and its like are raised on the followers first, and never lowered.
Ctrl-C leaves the order going.

Exit codes: 0 it streams again (or nothing waited, with --pending), 1 it does not stream yet, 3 it does not answer,
4 refused, nothing was done, 130 interrupted, the order goes on.`;

/** Longer than a handover takes to be answered after its deadline. */
const ANSWER_MARGIN_MS = 30_000;
const LOOK_EVERY_MS = 300;

interface RestartOptions extends CommonOptions {
  readonly force?: boolean;
  readonly pending?: boolean;
  readonly deadline: string;
  readonly reason: string;
}

/** Where Ctrl-C comes from: the process. */
export interface Interrupts {
  once(signal: "SIGINT", listener: () => void): unknown;
  off(signal: "SIGINT", listener: () => void): unknown;
}

export function registerRestart(interrupts: Interrupts) {
  return (program: Command, context: CliContext): void => {
    const command = program
      .command("restart")
      .argument("[node]", "whose Postgres (else the node of this host)")
      .description("start the Postgres of one node again")
      .option("--pending", "only if a setting waits for it")
      .option("--force", "although commits wait meanwhile, or others should come first")
      .option("--deadline <duration>", "how long it may take", "60s")
      .option("--reason <text>", "why, for the logs", "by hand")
      .addHelpText("after", EXAMPLES);
    addCommonOptions(command, "the same as the argument").action(
      async (named: string | undefined, _, self: Command) => {
        const options = self.opts<RestartOptions>();
        const config = await requireConfig(context, { config: options.config, secrets: "skip" });
        await run(context, config, chosen(context, config, named, options.node), options, interrupts);
      },
    );
  };
}

function chosen(context: CliContext, config: ClusterConfig, named?: string, flag?: string): NodeConfig {
  if (named !== undefined && flag !== undefined && named !== flag)
    throw new CommandFailed(EXIT.usage, `${named} or ${flag}? Name one node`);
  const id = named ?? flag;
  if (id === undefined) return requireNode(context, config, undefined);
  const node = config.nodes.find((n) => n.id === id);
  if (node !== undefined) return node;
  const names = config.nodes.map((n) => n.id).join(", ");
  throw new CommandFailed(EXIT.usage, `${config.file} has no node ${id}; choose one of ${names}`);
}

async function run(
  context: CliContext,
  config: ClusterConfig,
  node: NodeConfig,
  options: RestartOptions,
  interrupts: Interrupts,
): Promise<void> {
  const deadlineMs = parseDuration(options.deadline);
  if (deadlineMs === undefined)
    throw new CommandFailed(EXIT.usage, `--deadline ${options.deadline}: write 60s, 1500ms or 5m`);
  const tls = await requireMaterial(context, config, node.id);
  const answers = await ask(config, tls);
  const own = answers.find(({ id }) => id === node.id);
  if (own?.status == null)
    throw new CommandFailed(EXIT.nobodyAnswered, `${node.id} does not answer: ${own?.reason ?? "no reason"}`);
  const pending = pendingOf(own.status.nodes.find(({ id }) => id === node.id));
  const leads = best(answers)?.leader === node.id;
  const waits = pending.length === 0 ? "" : ` (pending: ${pendingText(pending)})`;
  context.stderr.write(`asks ${node.id} to restart its Postgres${waits}\n`);
  if (leads)
    context.stderr.write(`${node.id} leads: it hands over to another node first, and comes back as a follower\n`);
  const startedMs = performance.now();
  const over = new AbortController();
  const interrupted = new Promise<null>((resolve) => {
    const stop = () => resolve(null);
    interrupts.once("SIGINT", stop);
    over.signal.addEventListener("abort", () => interrupts.off("SIGINT", stop));
  });
  const to = { id: node.id, host: node.host, port: node.port, cluster: config.cluster, tls };
  const request = {
    force: options.force === true,
    pendingOnly: options.pending === true,
    deadlineMs,
    cause: options.reason,
  };
  const ordered = orderRestart({ ...to, deadlineMs: deadlineMs + ANSWER_MARGIN_MS }, request, over.signal);
  const progress = showProgress(context, config, node, tls, over.signal);
  const reply = await Promise.race([ordered, interrupted]);
  over.abort();
  if (reply === null) {
    context.stderr.write(`interrupted: ${node.id} goes on with the order; next: quorate status\n`);
    return context.exitWith(EXIT.interrupted);
  }
  await progress;
  const outcome = reply.ok
    ? toJson(reply.result)
    : { ...NOTHING, restarted: null, reason: `${node.id} did not say what became of it: ${reply.reason}` };
  const took_ms = Math.round(performance.now() - startedMs);
  report(context, options, { schema: "quorate.restart/1", node: node.id, ...outcome, pending, took_ms });
}

/** What becomes of its Postgres, line by line, on stderr. */
async function showProgress(
  context: CliContext,
  config: ClusterConfig,
  node: NodeConfig,
  tls: TlsMaterial | null,
  signal: AbortSignal,
): Promise<void> {
  let shown = "";
  while (!signal.aborted) {
    const { status } = await askNode(config, node, tls, signal);
    const row = status?.nodes.find(({ id }) => id === node.id);
    const streams = row?.role === "leader" ? "leads" : row?.streaming === true ? "streams" : "does not stream";
    const line = row === undefined ? shown : `${node.id}: Postgres ${row.postgres ?? "unknown"}, ${streams}`;
    if (line !== shown && !signal.aborted) context.stderr.write(`${line}\n`);
    shown = line;
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, LOOK_EVERY_MS);
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        resolve();
      });
    });
  }
}

type Outcome = Pick<RestartJson, "ok" | "restarted" | "handed_over" | "leader" | "term" | "refusal" | "reason">;

const NOTHING: Outcome = {
  ...{ ok: false, restarted: false, handed_over: false, leader: null, term: null, refusal: null, reason: null },
};

function toJson(result: RestartResult): Outcome {
  switch (result.kind) {
    case "done": {
      const { leader, term, handedOver } = result;
      return { ...NOTHING, ok: true, restarted: true, handed_over: handedOver, leader, term: Number(term) };
    }
    case "not_needed":
      return { ...NOTHING, ok: true, reason: "no setting waits for a restart" };
    case "unknown":
      return { ...NOTHING, restarted: null, reason: `${result.reason}; next: ${result.nextStep}` };
    case "refused": {
      const { code, reason, missing, nextStep } = result.refusal;
      return { ...NOTHING, refusal: { code, reason, missing: [...missing], next_step: nextStep } };
    }
  }
}

function report(context: CliContext, { output }: RestartOptions, json: RestartJson): void {
  const code: ExitCode = json.ok ? EXIT.done : json.refusal !== null ? EXIT.refused : EXIT.failed;
  context.exitWith(code);
  if (output === "json") writeJson(context.stdout, json);
  writeLines(output === "json" || !json.ok ? context.stderr : context.stdout, sentence(json));
}

function sentence({ node, restarted, leader, term, took_ms, refusal, reason }: RestartJson): string {
  if (refusal !== null) return `refused, nothing was done: ${refusal.reason}; next: ${refusal.next_step}`;
  if (restarted !== true) return reason ?? "nothing was done";
  const now =
    leader === node ? `leads term ${term} again: nobody else came in time` : `streams from ${leader} in term ${term}`;
  return `the Postgres of ${node} was started again after ${took_ms} ms, and ${now}`;
}
