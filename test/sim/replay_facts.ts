import type { Effect } from "../../src/core/effects.js";
import type { Event } from "../../src/core/events.js";
import { contains, type History } from "../../src/core/log/history.js";
import { formatPosition, type Position, type Term } from "../../src/core/log/position.js";
import type { RecruitAnswer } from "../../src/core/messages.js";
import type { State } from "../../src/core/state.js";

interface Established {
  readonly node: string;
  readonly term: Term;
  readonly history: History;
  /** The highest position that a quorum of this term was seen to hold. */
  decided: Position;
}

interface AnswerHeard {
  readonly by: string;
  readonly from: string;
  readonly key: string;
}

/** XLOG_BLCKSZ of every Postgres that is packaged. */
const WAL_PAGE_BYTES = 8192n;

/** What the records of several nodes say about one another, collected while they are replayed. */
export class Facts {
  /** Who began to lead a term, by attempt. */
  private readonly began = new Map<Term, Set<string>>();
  private readonly established = new Map<Term, Established[]>();
  private readonly systems = new Map<string, string>();
  private readonly given = new Set<string>();
  private readonly heard: AnswerHeard[] = [];
  private readonly promised = new Map<string, Term>();

  see(before: State, after: State, event: Event, effects: readonly Effect[]): void {
    const { node, incarnation, systemIdentifier } = after.durable;
    const who = `${node}/${incarnation}`;
    if (systemIdentifier !== null) this.systems.set(who, systemIdentifier);
    const { leading } = after.volatile;
    if (after.durable.promotionStarted !== before.durable.promotionStarted) {
      const term = after.durable.promotionStarted;
      this.began.set(term, (this.began.get(term) ?? new Set()).add(who));
    }
    if (leading?.stage === "established" && leading.history !== null)
      this.seeLeader(who, leading.history, leading.quorumLsn);
    this.promised.set(who, after.durable.promise.term);
    this.seeAnswers(who, after, event, effects);
  }

  private seeLeader(node: string, history: History, quorumLsn: bigint): void {
    const term = history.timeline;
    const known = this.established.get(term) ?? [];
    const own = known.find((e) => e.node === node);
    // WAL is flushed up to the end of a record, or, in the background, up to the end of a page in the middle of one. Nobody
    // was told anything for half a record.
    const isPageEnd = quorumLsn % WAL_PAGE_BYTES === 0n;
    if (isPageEnd && own !== undefined) return;
    const decided = { timeline: term, lsn: isPageEnd ? 0n : quorumLsn };
    if (own === undefined) this.established.set(term, [...known, { node, term, history, decided }]);
    else if (own.decided.lsn < quorumLsn) own.decided = decided;
  }

  /** What a coordinator heard must be what the node said: nothing may come from nowhere. */
  private seeAnswers(who: string, after: State, event: Event, effects: readonly Effect[]): void {
    const { pending } = after.volatile;
    for (const effect of effects) {
      if (effect.kind !== "answer_recruit" || !effect.result.ok || pending === null) continue;
      this.given.add(answerKey(pending.term, pending.attempt.nonce, effect.result.answer));
    }
    if (event.kind !== "recruit_result" || event.result.ok !== true) return;
    const { answer } = event.result;
    const key = answerKey(event.request.term, event.request.attempt.nonce, answer);
    this.heard.push({ by: who, from: `${event.peer}/${answer.incarnation}`, key });
  }

  /**
   * What must hold between nodes. `complete`: those whose records lack nothing, so that what they did not record they did
   * not do.
   */
  problems(complete: ReadonlySet<string>): string[] {
    return [...this.leaders(), ...this.histories(), ...this.strangers(), ...this.answers(complete)];
  }

  get summary(): string {
    const terms = [...this.established.keys()].sort((a, b) => (a < b ? -1 : 1));
    const lines = terms.flatMap((term) => this.established.get(term) ?? []);
    return lines
      .map((e) => `term ${e.term}: ${e.node.split("/")[0]} led, decided up to ${formatPosition(e.decided)}`)
      .join("\n");
  }

  /** I3: a term has one leader. */
  private leaders(): string[] {
    const twice = (found: ReadonlyMap<Term, Iterable<string>>, what: string) =>
      [...found].flatMap(([term, who]) => {
        const nodes = [...who];
        return nodes.length > 1 ? [`I3: ${nodes.join(" and ")} ${what} term ${term}`] : [];
      });
    const led = new Map([...this.established].map(([term, found]) => [term, found.map((e) => e.node)]));
    return [...twice(this.began, "began a promotion under"), ...twice(led, "were established in")];
  }

  /** I1 and I2: what was decided under a term is in the history of every leader established under a later one. */
  private histories(): string[] {
    const all = [...this.established.values()].flat();
    return all.flatMap((later) =>
      all
        .filter((earlier) => earlier.term < later.term && !contains(later.history, earlier.decided))
        .map(
          (earlier) =>
            `I1: ${later.node} was established in term ${later.term} without ${formatPosition(earlier.decided)}, which a quorum of term ${earlier.term} held`,
        ),
    );
  }

  private strangers(): string[] {
    const found = new Set(this.systems.values());
    if (found.size <= 1) return [];
    return [`the nodes hold data of different systems: ${[...this.systems].map(([n, s]) => `${n} ${s}`).join(", ")}`];
  }

  private answers(complete: ReadonlySet<string>): string[] {
    return this.heard
      .filter(({ from, key }) => complete.has(from) && !this.given.has(key))
      .map(({ by, from, key }) => `I5: ${by} heard an answer that ${from} never gave: ${key}`);
  }
}

function answerKey(term: Term, nonce: string, answer: RecruitAnswer): string {
  const { incarnation, position, voter } = answer;
  return `term ${term} to ${nonce}: ${incarnation} at ${formatPosition(position)}${voter ? "" : ", no voter"}`;
}
