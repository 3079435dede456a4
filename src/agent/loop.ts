/**
 * The loop: mailbox → step → persist → effects.
 *
 * One event at a time. What must be on disk first is on disk first: after a step that changes the durable word, no
 * effect runs and no event is taken until the store has called back. There is no promise in here: the same loop runs
 * in the sidecar, on real ports, and in a simulator, on tables.
 */
import { InvariantBroken } from "../core/assert.js";
import type { Effect, Reply } from "../core/effects.js";
import type { Event } from "../core/events.js";
import type { FoundPostgres } from "../core/keeper/adoption.js";
import { mustFenceWithinMs } from "../core/lease/lease.js";
import { nextTickMs, step } from "../core/node.js";
import type { State } from "../core/state.js";
import type { Ports } from "./ports.js";
import type { Recorder } from "./record.js";

/** Events that wait while one is being made durable; far above what a few peers and one Postgres can send meanwhile. */
const MAILBOX_MAX = 10_000;

export class Loop {
  private current: State;
  private readonly ports: Ports;
  private readonly mailbox: Event[] = [];
  private persisting = false;
  private pumping = false;
  private ended = false;
  private cancelTick: () => void = () => {};
  private readonly persistDeadlineMs: number;
  private readonly recorder: Recorder | null;

  constructor(initial: State, ports: Ports, recorder: Recorder | null = null) {
    this.current = initial;
    this.ports = ports;
    this.recorder = recorder;
    this.persistDeadlineMs = initial.config.timings.persistDeadlineMs;
  }

  get state(): State {
    return this.current;
  }

  /** Nothing waits for the disk, and the loop has not ended: the state is what it acts on. */
  get settled(): boolean {
    return !this.ended && !this.persisting && !this.pumping;
  }

  /** The first step: nothing has happened yet but the start, which may have found a Postgres that runs. */
  start(found: FoundPostgres | null = null): void {
    this.deliver(found === null ? { kind: "tick" } : { kind: "found", postgres: found });
  }

  /** Takes an event; it is handled before this returns unless another one is being handled or made durable. */
  deliver(event: Event): void {
    if (this.ended) return;
    if (this.mailbox.length >= MAILBOX_MAX) {
      this.fail(`more than ${MAILBOX_MAX} events wait: the disk or the machine does not keep up`);
      return;
    }
    this.mailbox.push(event);
    this.pump();
  }

  /** Takes no more events and carries out no more effects. */
  end(): void {
    this.ended = true;
    this.cancelTick();
  }

  private pump(): void {
    if (this.pumping) return;
    this.pumping = true;
    try {
      while (!this.ended && !this.persisting) {
        const event = this.mailbox.shift();
        if (event === undefined) break;
        this.handle(event);
      }
    } finally {
      this.pumping = false;
    }
    if (!this.ended && !this.persisting) this.scheduleTick();
  }

  private handle(event: Event): void {
    const { clock, store } = this.ports;
    const stamp = { nowMs: clock.nowMs(), jitter: clock.jitter() };
    const fenceInMs = mustFenceWithinMs(this.current, stamp.nowMs);
    let result: ReturnType<typeof step>;
    try {
      result = step(this.current, event, stamp);
    } catch (error) {
      // Whatever a pure step throws is a mistake of the program: an assertion that failed, or one that was forgotten.
      const what =
        error instanceof InvariantBroken ? "an invariant is broken" : "a step failed in a way it does not know";
      const reason = `${what}: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
      this.recorder?.broke(event, stamp, reason);
      this.fail(reason);
      return;
    }
    this.current = result.state;
    // Before anything of it is done: what a record lacks was not done either.
    this.recorder?.stepped(event, stamp, result.output, result.state);
    this.ports.fuse.heed(result.state);
    const { persist, after } = result.output;
    if (persist === null) {
      this.carryOut(after);
      return;
    }
    this.persisting = true;
    // A disk that hangs must not keep a leader in office: fencing needs no promise and waits for no disk. Nor is anybody
    // else there to notice that its lease ends meanwhile.
    const deadlineMs = Math.min(this.persistDeadlineMs, fenceInMs);
    const cancelDeadline = clock.after(deadlineMs, () => this.ports.postgres.emergencyFence());
    store.persist(persist, (error) => {
      cancelDeadline();
      this.persisting = false;
      if (error === null) this.recorder?.persisted();
      if (this.ended) return;
      if (error !== null) {
        this.fail(`the state file could not be written: ${error.message}`);
        return;
      }
      this.pumping = true;
      try {
        this.carryOut(after);
      } finally {
        this.pumping = false;
      }
      this.pump();
    });
  }

  private carryOut(effects: readonly Effect[]): void {
    for (const effect of effects) if (!this.ended) this.perform(effect);
  }

  private perform(effect: Effect): void {
    const { transport, postgres, notes } = this.ports;
    const self = this.current.config.self;
    switch (effect.kind) {
      case "send_recruit":
        if (effect.to === self)
          this.toSelf({
            kind: "recruit",
            call: selfCall("recruit", effect.request.attempt.nonce),
            from: this.sender(),
            request: effect.request,
          });
        else transport.recruit(effect.to, effect.request);
        return;
      case "send_promote":
        if (effect.to === self)
          this.toSelf({
            kind: "promote",
            call: selfCall("promote", effect.request.attempt.nonce),
            from: this.sender(),
            request: effect.request,
          });
        else transport.promote(effect.to, effect.request);
        return;
      case "send_catch_up":
        if (effect.to === self)
          this.toSelf({
            kind: "catch_up",
            call: selfCall("catch_up", effect.request.attempt.nonce),
            from: this.sender(),
            request: effect.request,
          });
        else transport.catchUp(effect.to, effect.request);
        return;
      case "send_follow":
        if (effect.to === self)
          this.toSelf({
            kind: "follow",
            call: selfCall("follow", effect.request.attempt.nonce),
            from: this.sender(),
            request: effect.request,
          });
        else transport.follow(effect.to, effect.request, this.ports.credentials());
        return;
      case "answer_recruit":
      case "answer_promote":
      case "answer_catch_up":
      case "answer_follow":
      case "answer_change":
      case "answer_handover":
      case "answer_restart":
      case "answer_pause":
        this.answer(effect);
        return;
      case "publish":
        transport.publish(effect.status);
        return;
      case "postgres":
        postgres.perform(effect.op, effect.action);
        return;
      case "note":
        notes.note(effect);
        return;
    }
  }

  private answer(effect: Reply): void {
    const { transport } = this.ports;
    const { call } = effect;
    switch (effect.kind) {
      case "answer_recruit":
        return call.startsWith(SELF) ? this.answerSelf(effect) : transport.answerRecruit(call, effect.result);
      case "answer_promote":
        return call.startsWith(SELF) ? this.answerSelf(effect) : transport.answerPromote(call, effect.result);
      case "answer_catch_up":
        return call.startsWith(SELF) ? this.answerSelf(effect) : transport.answerCatchUp(call, effect.result);
      case "answer_follow":
        return call.startsWith(SELF) ? undefined : transport.answerFollow(call, effect.result);
      case "answer_change":
        return transport.answerChange(call, effect.result);
      case "answer_handover":
        return transport.answerHandover(call, effect.result);
      case "answer_restart":
        return transport.answerRestart(call, effect.result);
      case "answer_pause":
        return transport.answerPause(call, effect.result);
    }
  }

  /** A node is a member like the others: what it sends itself goes through the mailbox, and so through the disk. */
  private toSelf(event: Event): void {
    this.mailbox.push(event);
  }

  private answerSelf(effect: Extract<Effect, { kind: "answer_recruit" | "answer_promote" | "answer_catch_up" }>): void {
    const { election } = this.current.volatile;
    const peer = this.current.config.self;
    // An answer to an attempt that was given up is nobody's.
    if (election.stage === "idle" || !effect.call.endsWith(election.attempt.nonce)) return;
    if (effect.kind === "answer_recruit" && election.stage === "recruiting") {
      this.toSelf({
        kind: "recruit_result",
        peer,
        request: { term: election.term, attempt: election.attempt, seen: null },
        result: effect.result,
      });
    }
    if (effect.kind === "answer_catch_up" && election.stage === "catching_up")
      this.toSelf({ kind: "catch_up_result", peer, request: election.request, result: effect.result });
    if (effect.kind === "answer_promote" && election.stage === "promoting") {
      this.toSelf({ kind: "promote_result", peer, request: election.request, result: effect.result });
    }
  }

  private sender() {
    const { node, incarnation, systemIdentifier } = this.current.durable;
    return { node, incarnation, systemIdentifier };
  }

  private scheduleTick(): void {
    this.cancelTick();
    const inMs = Math.max(1, nextTickMs(this.current) - this.ports.clock.nowMs());
    this.cancelTick = this.ports.clock.after(inMs, () => this.deliver({ kind: "tick" }));
  }

  private fail(reason: string): void {
    this.end();
    this.ports.postgres.emergencyFence();
    this.ports.fatal(reason);
  }
}

const SELF = "self/";

/** Names a call of this node to itself by the attempt it belongs to. */
function selfCall(kind: "recruit" | "promote" | "catch_up" | "follow", nonce: string): string {
  return `${SELF}${kind}/${nonce}`;
}
