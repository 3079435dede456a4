/**
 * A run as people read and change it: a line for each field of its configuration, then one for each action of its schedule.
 *
 *   seed 864
 *   zones a b c
 *   policy at_least 2
 *   latencyUs 170..2170
 *   385.943 pause node=leader for=491.508ms
 *
 * What is 0 or false or as in `NOTHING_MORE` is left out, and so is what the schedule was drawn from. Nodes are called by their names; times are ms.
 */
import { type Action, LEADER } from "./action.js";
import { CONFIG_VERSION, drawConfig, NOTHING_MORE, type SimConfig } from "./config.js";
import type { Scenario } from "./kept.js";

type Value = SimConfig[keyof SimConfig];

/** Only `drawSchedule` reads these. */
const OF_THE_DRAW: ReadonlySet<string> = new Set(["version", "faults", "writes", "reads", "changes"]);
const LEADER_NAME = "leader";

export function scenarioLines({ config, schedule }: Scenario): string[] {
  const fields = Object.entries(config).filter(
    ([name, value]) => !OF_THE_DRAW.has(name) && !isOff(name, value as Value),
  );
  return [...fields.map(([name, value]) => `${name} ${valueText(value as Value)}`), ...schedule.map(actionText)];
}

/** @throws Error if a line cannot be read or a field is missing. */
export function parseScenario(lines: readonly string[]): Scenario {
  const config: Record<string, unknown> = {};
  const template = drawConfig(1);
  for (const [name, value] of Object.entries(template) as [string, Value][]) config[name] = whenLeftOut(name, value);
  const schedule: Action[] = [];
  for (const line of lines) {
    const [head = "", ...words] = line.trim().split(/\s+/);
    if (/^\d/.test(head)) schedule.push(parseAction(head, words));
    else if (head in template) config[head] = parseValue(words);
    else throw new Error(`a run has no '${head}': ${line}`);
  }
  const missing = Object.keys(template).find((name) => config[name] === undefined && !OF_THE_DRAW.has(name));
  if (missing !== undefined) throw new Error(`the run does not say its ${missing}`);
  const drawn = { version: CONFIG_VERSION, faults: none(template.faults), writes: 0, reads: 0, changes: 0 };
  return { config: { ...(config as unknown as SimConfig), ...drawn }, schedule };
}

function none<K extends string>(faults: Readonly<Record<K, number>>): Record<K, number> {
  return Object.fromEntries(Object.keys(faults).map((kind) => [kind, 0])) as Record<K, number>;
}

const USUAL: Readonly<Partial<Record<string, Value>>> = NOTHING_MORE;

function isOff(name: string, value: Value): boolean {
  return value === 0 || value === false || JSON.stringify(value) === JSON.stringify(USUAL[name]);
}

function whenLeftOut(name: string, value: Value): Value | undefined {
  const usual = USUAL[name];
  if (usual !== undefined) return usual;
  return typeof value === "number" ? 0 : typeof value === "boolean" ? false : undefined;
}

function valueText(value: Value): string {
  if (value === true) return "yes";
  if (Array.isArray(value)) return value.join(typeof value[0] === "number" ? ".." : " ");
  if (typeof value !== "object") return String(value);
  return "kind" in value && value.kind !== "per_leader" ? Object.values(value).join(" ") : JSON.stringify(value);
}

function parseValue(words: readonly string[]): unknown {
  const [first = "", second] = words;
  if (first === "yes" && second === undefined) return true;
  if (first === "majority") return { kind: first };
  if (first === "at_least") return { kind: first, copies: Number(second) };
  if (["core", "too_few", "within", "beyond"].includes(first)) return first;
  if (first.startsWith("{")) return JSON.parse(words.join(" "));
  const range = /^(\d+)\.\.(\d+)$/.exec(first);
  if (range !== null) return [Number(range[1]), Number(range[2])];
  return /^-?\d+$/.test(first) ? Number(first) : words;
}

function actionText({ at, kind, ...rest }: Action): string {
  const words = Object.entries(rest).map(([key, value]) => {
    if (key === "node" || key === "target") return `${key}=${value === LEADER ? LEADER_NAME : `n${Number(value) + 1}`}`;
    if (key === "from" || key === "to") return `${key}=${maskText(Number(value))}`;
    return key.endsWith("Us") ? `${key.slice(0, -2)}=${ms(Number(value))}ms` : `${key}=${value}`;
  });
  return [ms(at), kind, ...words].join(" ");
}

function parseAction(at: string, [kind = "", ...words]: readonly string[]): Action {
  const action: Record<string, unknown> = { at: us(at), kind };
  for (const word of words) {
    const [key = "", text = ""] = word.split("=");
    if (key === "node" || key === "target") action[key] = text === LEADER_NAME ? LEADER : indexOf(text);
    else if (key === "from" || key === "to") action[key] = parseMask(text);
    else if (/^[\d.]+ms$/.test(text)) action[`${key}Us`] = us(text.slice(0, -2));
    else if (text === "true" || text === "false") action[key] = text === "true";
    else action[key] = /^-?\d+$/.test(text) ? Number(text) : text;
  }
  // The world's own switch is what knows each kind: an unknown one does nothing and breaks the expected trace.
  return action as unknown as Action;
}

function maskText(mask: number): string {
  if (mask === LEADER) return LEADER_NAME;
  const names: string[] = [];
  for (let i = 0; mask >> i > 0; i++) if ((mask & (1 << i)) !== 0) names.push(`n${i + 1}`);
  return names.join("+");
}

function parseMask(text: string): number {
  if (text === LEADER_NAME) return LEADER;
  return text.split("+").reduce((mask, name) => mask | (1 << indexOf(name)), 0);
}

function indexOf(name: string): number {
  const number = /^n([1-9])$/.exec(name)?.[1];
  if (number === undefined) throw new Error(`no node is called '${name}'`);
  return Number(number) - 1;
}

function ms(timeUs: number): string {
  return (timeUs / 1000).toFixed(3);
}

function us(text: string): number {
  return Math.round(Number(text) * 1000);
}
