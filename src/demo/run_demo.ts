import { type CliContext, CommandFailed } from "../cli/context.js";
import { EXIT } from "../cli/exit_codes.js";
import { writeJson } from "../cli/render.js";
import { ConfigRefused } from "./cluster.js";
import { endDemo } from "./ending.js";
import type { Fault } from "./fault.js";
import { freePorts } from "./free_ports.js";
import { type DemoHome, makeHome } from "./home.js";
import { catchInterruption, type Interruption } from "./interrupt.js";
import { type ClusterPlan, type DemoPolicy, planNodes, portsNeeded, SMALL } from "./plan.js";
import { blankReport, type DemoReport, play, type Stage } from "./play.js";
import { count, Progress, shortMs } from "./progress.js";

export interface DemoOptions {
  readonly nodes: number;
  readonly policy: DemoPolicy;
  readonly fault: Fault;
  readonly keep: boolean;
  readonly dir?: string;
  readonly output: "text" | "json";
}

/** One demo from the empty directory to the verdict, and back to nothing unless it is kept. */
export async function runDemo(options: DemoOptions, context: CliContext): Promise<void> {
  const json = options.output === "json";
  const tty = json ? process.stderr.isTTY : process.stdout.isTTY;
  const progress = new Progress(json ? context.stderr : context.stdout, tty === true);
  // Before the first directory or process: from here on a signal ends in the ending.
  const interruption = catchInterruption((name, first) => {
    if (name === "SIGHUP") progress.mute();
    progress.line(first ? `\n${name}: ending everything that was started` : "still ending; nothing will be left");
  });
  try {
    const home = await makeHome(options.dir);
    await runIn(home, { options, context, progress, interruption });
  } catch (error) {
    if (error instanceof CommandFailed || !(error instanceof Error)) throw error;
    throw new CommandFailed(EXIT.failed, `the demo failed: ${error.message}`);
  } finally {
    interruption.release();
  }
}

interface Run {
  readonly options: DemoOptions;
  readonly context: CliContext;
  readonly progress: Progress;
  readonly interruption: Interruption;
}

async function runIn(home: DemoHome, run: Run): Promise<void> {
  const { options, context, progress, interruption } = run;
  const { signal } = interruption;
  let report: DemoReport | null = null;
  let failure: unknown = null;
  try {
    const stage: Stage = { home, plan: await plan(home, options), fault: options.fault, progress, signal };
    report = blankReport(stage);
    progress.line(`Quorate demo: ${options.nodes} nodes on this machine, in ${home.dir}\n`);
    await play(stage, report);
  } catch (error) {
    failure = error;
  }
  // A configuration that was refused started nothing; a failed demo that was to be kept is there to be looked at.
  const kept = options.keep && !signal.aborted && !(failure instanceof ConfigRefused);
  const left = kept ? [] : await ended(home, progress);
  if (signal.aborted) return interrupted(context, left);
  if (failure instanceof ConfigRefused) throw new CommandFailed(EXIT.configuration, failure.message);
  if (report === null) throw failure;
  const final: DemoReport = {
    ...report,
    ok: report.ok && failure === null && left.length === 0,
    left_behind: [...left],
  };
  conclude(final, progress);
  if (kept) explainKept(final, progress);
  if (options.output === "json") writeJson(context.stdout, final);
  if (!final.ok) throw new CommandFailed(EXIT.failed, reasonOf(final, failure, kept));
}

async function plan(home: DemoHome, options: DemoOptions): Promise<ClusterPlan> {
  const nodes = planNodes(home, options.nodes, await freePorts(portsNeeded(options.nodes)));
  return { cluster: "demo", nodes, policy: options.policy, settings: SMALL, binDir: null };
}

async function ended(home: DemoHome, progress: Progress): Promise<readonly string[]> {
  progress.step("ending all processes and removing the directory");
  return endDemo(home);
}

function interrupted(context: CliContext, left: readonly string[]): void {
  context.exitWith(EXIT.interrupted);
  if (left.length > 0) context.stderr.write(`left behind: ${left.join("; ")}\n`);
}

function conclude({ ok, writer, failover, verify }: DemoReport, progress: Progress): void {
  if (verify === null || failover === null) return;
  const { lost, duplicated, phantom } = verify;
  const more = duplicated + phantom === 0 ? "" : `, ${count(duplicated)} duplicated, ${count(phantom)} phantom`;
  const verdict = `${count(writer.acked)} rows acknowledged, ${count(lost)} lost${more}, writes were out for ${shortMs(failover.outage_ms)}.`;
  progress.line();
  progress.line(progress.strong(ok ? progress.good(verdict) : progress.bad(verdict)));
  const rows = verify.nodes.map((node) => `${node.id} ${count(node.rows)}`).join(", ");
  progress.line(`Rows found: ${rows}. Refused ${count(writer.refused)}, outcome unknown ${count(writer.unknown)}.`);
}

function explainKept({ uri, config, ledger, dir, nodes }: DemoReport, progress: Progress): void {
  progress.line(`
The cluster is left running:
  connect    psql '${uri ?? "(no uri yet)"}'
             without a password: a demo trusts every client on this machine's loopback
  look       npx quorate status -c ${config}
  ledger     ${ledger}, beside the table public.demo_ledger

Try by hand, and look at the status meanwhile:
  kill -9 the leader's postmaster (\`status -o json\` names its pid)
  kill -9 a sidecar and its Postgres, then: npx quorate run -c ${config} --node ${nodes[0]?.id ?? "n1"}

End it, whatever you did:
  npx quorate demo stop --dir ${dir}`);
}

function reasonOf(report: DemoReport, failure: unknown, kept: boolean): string {
  const hint = kept ? `; it is kept in ${report.dir} for you to look at` : "";
  if (failure !== null)
    return `the demo failed: ${failure instanceof Error ? failure.message : String(failure)}${hint}`;
  if (report.left_behind.length > 0) return `left behind: ${report.left_behind.join("; ")}; end these by hand`;
  return `the ledger and the nodes disagree: please report this, with the ledger and the logs of a demo with --keep${hint}`;
}
