import type { Command } from "commander";
import type { ClusterConfig } from "../../config/cluster_config.js";
import { parseDuration } from "../../config/duration.js";
import type { TlsMaterial } from "../../tls/material.js";
import { requireMaterial } from "../certificates.js";
import { type CliContext, CommandFailed, type RegisterCommand } from "../context.js";
import { EXIT } from "../exit_codes.js";
import type { WatchJson } from "../insight_schemas.js";
import { addCommonOptions, type CommonOptions, requireConfig, requireNode } from "../options.js";
import { type Paint, paintFor } from "../paint.js";
import { Polling, pause } from "../polling.js";
import type { StatusJson } from "../schemas.js";
import { changesBetween } from "../status_changes.js";
import { ENTER, fitLines, frameOver, LEAVE, type StopReason, type Terminal } from "../terminal.js";
import { type Answer, askNode, best, EVERY_NODE, render, shownOf } from "./status.js";

const EXAMPLES = `
Examples:
  quorate watch -c quorate.yaml                 the status, drawn anew every second, and what changed lately
  quorate watch -c quorate.yaml --interval 200ms
  quorate watch -c quorate.yaml -o json         one JSON object a line: that of status, with \`at\` and \`silent\`
  quorate watch -c quorate.yaml | tee log       not on a terminal: a line for each change

Ctrl-C ends it. Every node is asked by itself: one that does not answer holds up no other.
Exit codes: 0 ended by --count or SIGTERM, 130 by Ctrl-C.`;

const INTERVAL_MS = { min: 100, max: 3_600_000 };
const EVENTS_KEPT = 20;
/** Then the first picture is drawn, whoever has not answered yet. */
const FIRST_MS = 500;

interface WatchOptions extends CommonOptions {
  readonly interval: string;
  readonly count?: string;
}

export function registerWatch(terminal: Terminal): RegisterCommand {
  return (program: Command, context: CliContext): void => {
    const command = program
      .command("watch")
      .description("the status, live: who leads, who is behind, what changed")
      .option("--interval <duration>", "how often to ask, such as 500ms, 1s or 1m", "1s")
      .option("--count <n>", "end after so many pictures")
      .addHelpText("after", EXAMPLES);
    addCommonOptions(command, EVERY_NODE).action(async (_: unknown, self: Command) => {
      const options = self.opts<WatchOptions>();
      const everyMs = intervalOf(options.interval);
      const count = countOf(options.count);
      const config = await requireConfig(context, { config: options.config, secrets: "skip" });
      if (options.node !== undefined) requireNode(context, config, options.node);
      const tls = await requireMaterial(context, config, options.node);
      const view = viewFor(options.output, { context, terminal, config, tls, everyMs });
      const reason = await follow({ config, tls, terminal, view, everyMs, count });
      context.exitWith(reason === "SIGINT" ? EXIT.interrupted : EXIT.done);
    });
  };
}

function intervalOf(text: string): number {
  const ms = parseDuration(text);
  if (ms !== undefined && ms >= INTERVAL_MS.min && ms <= INTERVAL_MS.max) return ms;
  throw new CommandFailed(EXIT.usage, `--interval ${text}: a duration from 100ms to 60m, such as 500ms or 2s`);
}

function countOf(text: string | undefined): number {
  if (text === undefined) return Number.POSITIVE_INFINITY;
  if (!/^[1-9]\d{0,8}$/.test(text)) throw new CommandFailed(EXIT.usage, `--count ${text}: a number, such as 5`);
  return Number(text);
}

/** Shows what was answered. `again` draws the same once more, for a screen that changed its size. */
interface View {
  begin(): void;
  show(answers: readonly Answer[]): void;
  again(): void;
  end(): void;
}

interface FollowOptions {
  readonly config: ClusterConfig;
  /** Null: in the clear. */
  readonly tls: TlsMaterial | null;
  readonly terminal: Terminal;
  readonly view: View;
  readonly everyMs: number;
  readonly count: number;
}

async function follow({ config, tls, terminal, view, everyMs, count }: FollowOptions): Promise<StopReason | "counted"> {
  const stop = new AbortController();
  let reason: StopReason | "counted" = "counted";
  const stopListening = terminal.onStop((why) => {
    if (!stop.signal.aborted) reason = why;
    stop.abort();
  });
  const stopResizing = terminal.onResize(() => view.again());
  const nodes = new Map(config.nodes.map((node) => [node.id, node]));
  const polling = new Polling({
    ids: [...nodes.keys()],
    everyMs,
    signal: stop.signal,
    ask: async (id, signal) => {
      const node = nodes.get(id);
      return node === undefined
        ? { id, status: null, reason: "unknown", certificateUntilMs: null }
        : askNode(config, node, tls, signal);
    },
  });
  view.begin();
  try {
    await Promise.race([polling.complete, pause(FIRST_MS, stop.signal)]);
    for (let shown = 0; !stop.signal.aborted; ) {
      if (terminal.ready()) {
        view.show(polling.answers());
        shown += 1;
      }
      if (shown >= count) break;
      await pause(everyMs, stop.signal);
    }
  } finally {
    stop.abort();
    stopResizing();
    stopListening();
    view.end();
  }
  return reason;
}

interface ViewOptions {
  readonly context: CliContext;
  readonly terminal: Terminal;
  readonly config: ClusterConfig;
  readonly tls: TlsMaterial | null;
  readonly everyMs: number;
}

function viewFor(output: CommonOptions["output"], options: ViewOptions): View {
  if (output === "json") return jsonView(options);
  return options.terminal.isTty ? screenView(options) : lineView(options);
}

const NOTHING = (): void => undefined;

function jsonView({ context, config, tls }: ViewOptions): View {
  const show = (answers: readonly Answer[]) => {
    const line: WatchJson = {
      ...shownOf(config, answers, tls),
      at: new Date().toISOString(),
      silent: answers.flatMap(({ id, status, reason }) => (status === null ? [{ id, reason: reason ?? "" }] : [])),
    };
    context.stdout.write(`${JSON.stringify(line)}\n`);
  };
  return { begin: NOTHING, show, again: NOTHING, end: NOTHING };
}

/** Not on a terminal: what changed, a line each. */
function lineView({ context }: ViewOptions): View {
  let before: StatusJson | null = null;
  let first = true;
  const show = (answers: readonly Answer[]) => {
    const now = best(answers);
    const changes = first && now === null ? ["nobody answers"] : changesBetween(before, now);
    for (const change of changes) context.stdout.write(`${new Date().toISOString()} ${change}\n`);
    before = now;
    first = false;
  };
  return { begin: NOTHING, show, again: NOTHING, end: NOTHING };
}

function screenView({ context, terminal, config, tls, everyMs }: ViewOptions): View {
  const paint = paintFor(context.env, true);
  let before: StatusJson | null = null;
  let picture = "";
  let events: readonly string[] = [];
  const draw = () => context.stdout.write(frameOver(fitLines(picture, terminal.size())));
  return {
    begin: () => context.stdout.write(ENTER),
    show: (answers) => {
      const now = best(answers);
      const at = clockTime(new Date());
      // The first picture shows all there is: nothing has changed yet.
      if (picture !== "") events = [...events, ...changesBetween(before, now).map((text) => `${at}  ${text}`)];
      events = events.slice(-EVENTS_KEPT);
      before = now;
      picture = renderPicture({ status: shownOf(config, answers, tls), answers, events, at, everyMs, paint });
      draw();
    },
    again: () => {
      if (picture !== "") draw();
    },
    // What was seen last stays, on the screen that comes back.
    end: () => context.stdout.write(`${LEAVE}${picture === "" ? "" : `${picture}\n`}`),
  };
}

export interface Picture {
  readonly status: StatusJson;
  readonly answers: readonly Answer[];
  /** Oldest first. */
  readonly events: readonly string[];
  readonly at: string;
  readonly everyMs: number;
  readonly paint: Paint;
}

export function renderPicture({ status, answers, events, at, everyMs, paint }: Picture): string {
  const head = paint.dim(`${at}  every ${everyMs < 1000 ? `${everyMs} ms` : `${everyMs / 1000} s`}, Ctrl-C ends`);
  const lately = events.length === 0 ? [] : ["changed lately", ...[...events].reverse().map((text) => `  ${text}`)];
  return [head, "", render(status, answers, paint).trimEnd(), "", ...lately].join("\n").trimEnd();
}

function clockTime(now: Date): string {
  return now.toTimeString().slice(0, 8);
}
