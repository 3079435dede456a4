import type { Command } from "commander";
import type { ClusterConfig, NodeConfig } from "../../config/cluster_config.js";
import { parseDuration } from "../../config/duration.js";
import type { HandoverResult, Mandate } from "../../core/orders.js";
import type { TlsMaterial } from "../../tls/material.js";
import { type OrderReply, orderHandover } from "../../transport/order_client.js";
import { requireMaterial } from "../certificates.js";
import { type CliContext, CommandFailed } from "../context.js";
import { EXIT, type ExitCode } from "../exit_codes.js";
import { addCommonOptions, type CommonOptions, requireConfig } from "../options.js";
import type { HandoverJson } from "../order_schemas.js";
import { writeJson, writeLines } from "../render.js";
import type { StatusJson } from "../schemas.js";
import { type Answer, ask, best } from "./status.js";

const SWITCHOVER_EXAMPLES = `
Examples:
  quorate switchover -c quorate.yaml                     to whoever is best placed
  quorate switchover -c quorate.yaml --to n2
  quorate switchover -c quorate.yaml --to n2 --deadline 5s -o json

The leader shuts its door, waits for commits that wait for the quorum, ends its sessions, lets the other node take the
rest of the log, and wins a term for it. Refused before anything is done: the node may not lead, does not stream, lags
beyond the deadline, or the rules are being changed. Once the door is shut somebody leads under a higher term: the old
leader, if the other node does not come in time.

Exit codes: 0 done, 1 another node leads than was asked for (the message says which), 3 nobody answered, 4 refused.`;

const FAILOVER_EXAMPLES = `
Examples:
  quorate failover -c quorate.yaml                       the leader is of no use, although it answers
  quorate failover -c quorate.yaml --to n3
  quorate failover -c quorate.yaml                       while elections are paused: elects once

For an operator who knows more than the sidecars: nobody has to suspect the leader. The election is the same one, and
never unsafe: with too few nodes it is refused. Sessions and commits that wait are cut off; prefer switchover if the
leader works.

Exit codes: 0 done, 1 another node leads than was asked for (the message says which), 3 nobody answered, 4 refused.`;

/** Longer than the sidecar itself waits for somebody to be established after the deadline. */
const ANSWER_MARGIN_MS = 30_000;
const LOOK_AGAIN_MS = 200;
const WHO_LEADS_MS = 10_000;

interface HandoverOptions extends CommonOptions {
  readonly to?: string;
  readonly deadline: string;
  readonly reason: string;
}

export function registerSwitchover(program: Command, context: CliContext): void {
  register(
    program,
    context,
    "switchover",
    "let another node lead, with the help of the one that does",
    SWITCHOVER_EXAMPLES,
  );
}

export function registerFailover(program: Command, context: CliContext): void {
  register(program, context, "failover", "let another node lead, whatever the leader does", FAILOVER_EXAMPLES);
}

function register(
  program: Command,
  context: CliContext,
  kind: Mandate["kind"],
  description: string,
  examples: string,
): void {
  const command = program
    .command(kind)
    .description(description)
    .option("--to <id>", "the node that is to lead (else whoever is best placed)")
    .option("--deadline <duration>", "how long the node that is to lead is waited for", "10s")
    .option("--reason <text>", "why, for the logs and the history", "by hand")
    .addHelpText("after", examples);
  addCommonOptions(
    command,
    kind === "failover" ? "the sidecar that is asked (else a follower's)" : "the leader is asked",
  ).action(async (_: unknown, self: Command) => {
    const options = self.opts<HandoverOptions>();
    const config = await requireConfig(context, { config: options.config, secrets: "skip" });
    await run(context, config, kind, options);
  });
}

async function run(
  context: CliContext,
  config: ClusterConfig,
  kind: Mandate["kind"],
  options: HandoverOptions,
): Promise<void> {
  const deadlineMs = parseDuration(options.deadline);
  if (deadlineMs === undefined)
    throw new CommandFailed(EXIT.usage, `--deadline ${options.deadline}: write 5s, 1500ms or 1m`);
  for (const id of [options.to, options.node])
    if (id !== undefined && !config.nodes.some((n) => n.id === id))
      throw new CommandFailed(EXIT.usage, `${config.file} has no node ${id}; choose one of ${names(config.nodes)}`);
  const tls = await requireMaterial(context, config, options.node);
  const answers = await ask(config, tls);
  const before = best(answers);
  if (before === null) throw new CommandFailed(EXIT.nobodyAnswered, silent(answers));
  const asked = whomToAsk(config, kind, options, answers, before);
  const goal = options.to ?? "whoever is best placed";
  context.stderr.write(`asks ${asked.id} for a ${kind} from ${before.leader ?? "nobody"} to ${goal}\n`);
  const startedMs = performance.now();
  const { id, host, port } = asked;
  const to = { id, host, port, cluster: config.cluster, deadlineMs: deadlineMs + ANSWER_MARGIN_MS, tls };
  const request = { to: options.to ?? null, deadlineMs, cause: options.reason };
  const reply = await orderHandover(to, kind, request);
  const head = {
    schema: `quorate.${kind}/1` as const,
    from: before.leader,
    asked: id,
    took_ms: Math.round(performance.now() - startedMs),
  };
  const outcome = reply.ok ? toJson(reply.result) : await whoLeadsNow(config, tls, id, reply);
  report(context, options, { ...head, ...outcome });
}

/** A switchover is the leader's; a failover is carried out by somebody else, the one that is to lead first of all. */
function whomToAsk(
  config: ClusterConfig,
  kind: Mandate["kind"],
  { to, node }: HandoverOptions,
  answers: readonly Answer[],
  { leader, term }: StatusJson,
): NodeConfig {
  const answering = answers.filter(({ status }) => status !== null).map(({ id }) => id);
  const others = answering.filter((id) => id !== leader);
  const wanted =
    kind === "switchover"
      ? leader
      : (node ?? [to, ...others, ...answering].find((id) => id !== undefined && answering.includes(id)));
  if (wanted == null)
    throw new CommandFailed(
      EXIT.refused,
      `nobody leads${term === null ? "" : ` since term ${term}`}, so nobody can hand over; next: quorate status says what is missing, quorate failover elects`,
    );
  const found = config.nodes.find(({ id }) => id === wanted);
  if (found === undefined)
    throw new CommandFailed(EXIT.failed, `${wanted} leads, but ${config.file} does not say where it is; add it`);
  return found;
}

type Outcome = Pick<HandoverJson, "ok" | "leader" | "term" | "refusal" | "reason">;

function toJson(result: HandoverResult): Outcome {
  const nobody = { ok: false, leader: null, term: null, refusal: null, reason: null };
  switch (result.kind) {
    case "done":
      return { ...nobody, ok: true, leader: result.leader, term: Number(result.term) };
    case "failed":
      return { ...nobody, leader: result.leader, term: Number(result.term), reason: result.reason };
    case "unknown":
      return { ...nobody, reason: `${result.reason}; next: ${result.nextStep}` };
    case "refused": {
      const { code, reason, missing, nextStep } = result.refusal;
      return { ...nobody, refusal: { code, reason, missing: [...missing], next_step: nextStep } };
    }
  }
}

/** The sidecar that carried it out is gone: what became of it is seen from the others. */
async function whoLeadsNow(
  config: ClusterConfig,
  tls: TlsMaterial | null,
  asked: string,
  reply: OrderReply<never> & { ok: false },
): Promise<Outcome> {
  const until = performance.now() + WHO_LEADS_MS;
  let seen: StatusJson | null = null;
  do {
    seen = best(await ask(config, tls));
    if (seen?.leader != null && seen.established) break;
    await new Promise((resolve) => setTimeout(resolve, LOOK_AGAIN_MS));
  } while (performance.now() < until);
  const reason = `${asked} did not say what became of it: ${reply.reason}`;
  const known = seen?.established === true ? { leader: seen.leader, term: seen.term } : { leader: null, term: null };
  return { ok: false, ...known, refusal: null, reason };
}

function report(context: CliContext, { output }: HandoverOptions, json: HandoverJson): void {
  const { ok, leader, term, refusal, reason, took_ms } = json;
  const code: ExitCode = ok ? EXIT.done : refusal !== null ? EXIT.refused : EXIT.failed;
  context.exitWith(code);
  if (output === "json") writeJson(context.stdout, json);
  const leads = leader === null ? "nobody is known to lead" : `${leader} leads term ${term}`;
  const said = ok
    ? `${leads}, after ${took_ms} ms`
    : refusal !== null
      ? `refused, nothing was done: ${refusal.reason}; next: ${refusal.next_step}`
      : `${leads}: ${reason}`;
  writeLines(output === "json" || !ok ? context.stderr : context.stdout, said);
}

function names(nodes: readonly NodeConfig[]): string {
  return nodes.map(({ id }) => id).join(", ");
}

function silent(answers: readonly Answer[]): string {
  return `nobody answered: ${answers.map(({ id, reason }) => `${id}: ${reason}`).join("; ")}`;
}
