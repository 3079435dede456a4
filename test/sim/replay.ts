/**
 * Trace validation: what sidecars recorded (`quorate run --record FILE`) is done again by the core, step by step. Each
 * step must persist the same word and have the same effects; and what the records say together must be a run of one
 * cluster: one leader a term, promises that never go back, and nothing decided that a later leader lacks.
 */
import { Facts } from "./replay_facts.js";
import { type RecordRead, readRecord, type Session } from "./replay_record.js";
import { goesOn, type Stepped, stepThrough } from "./replay_steps.js";

export interface ReplayReport {
  readonly files: number;
  readonly runs: number;
  readonly steps: number;
  /** Lines torn by a kill, and runs without an end: accepted, and what they lack is not judged. */
  readonly torn: number;
  readonly cut: number;
  /** What was established, a line a term. */
  readonly summary: string;
  readonly problems: readonly string[];
}

/** The records of all nodes of one cluster, or of some; a file's own FILE.1 is given before it. */
export async function replayFiles(files: readonly string[]): Promise<ReplayReport> {
  const records: RecordRead[] = [];
  for (const file of files) records.push(await readRecord(file));
  return replayRecords(records);
}

export function replayRecords(records: readonly RecordRead[]): ReplayReport {
  const facts = new Facts();
  const complete = new Set<string>();
  const incomplete = new Set<string>();
  const problems = records.flatMap((record) => [...record.problems]);
  let [runs, steps, cut] = [0, 0, 0];
  const before = new Map<string, { readonly stepped: Stepped; readonly wasCut: boolean }>();
  const all = records.flatMap(({ file, sessions }) =>
    sessions.map((session, i) => ({ name: `${file}: run ${i + 1}`, session })),
  );
  for (const [i, { name, session }] of all.entries()) {
    const { durable } = session.initial;
    const who = nameOf(session);
    const past = before.get(who);
    const gap = past === undefined ? null : goesOn(past.stepped, past.wasCut, durable);
    if (gap !== null) problems.push(`${name}: I5: ${gap}`);
    const stepped = stepThrough(session, facts);
    if (stepped.problem !== null) problems.push(`${name}: ${stepped.problem}`);
    const next = all[i + 1]?.session;
    const goesOnElsewhere = next?.continued === true && nameOf(next) === who;
    const wasCut = !session.ended && !goesOnElsewhere;
    before.set(who, { stepped, wasCut });
    if (wasCut || (session.continued && past === undefined)) incomplete.add(who);
    else complete.add(who);
    runs += 1;
    steps += stepped.steps;
    if (wasCut) cut += 1;
  }
  for (const who of incomplete) complete.delete(who);
  const torn = records.reduce((sum, record) => sum + record.torn, 0);
  // Between records that are wrong in themselves there is nothing to compare.
  if (problems.length === 0) problems.push(...facts.problems(complete));
  return { files: records.length, runs, steps, torn, cut, summary: facts.summary, problems };
}

function nameOf({ initial }: Session): string {
  return `${initial.durable.node}/${initial.durable.incarnation}`;
}

/** For the command line: prints what was found; resolves to the exit code. */
export async function replay(files: readonly string[]): Promise<number> {
  if (files.length === 0) {
    process.stderr.write(
      "which records? give the files that `quorate run --record FILE` wrote, of all nodes together\n",
    );
    return 2;
  }
  const report = await replayFiles(files);
  const { runs, steps, torn, cut, summary, problems } = report;
  if (summary !== "") process.stdout.write(`${summary}\n`);
  if (torn > 0) process.stdout.write(`${torn} last lines were torn by a kill\n`);
  if (cut > 0) process.stdout.write(`${cut} runs have no end: they were killed, or still go on\n`);
  for (const problem of problems) process.stdout.write(`${problem}\n`);
  process.stdout.write(`${report.files} records, ${runs} runs, ${steps} steps replayed, ${problems.length} problems\n`);
  return problems.length === 0 ? 0 : 1;
}
