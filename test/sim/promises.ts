import type { Durable } from "../../src/core/state.js";
import type { CallKind, CallRequest, CallResult } from "./calls.js";
import type { Machine } from "./machine.js";
import type { World } from "./world.js";

/** I5: a promise never goes back, survives any crash, and is on disk before anything that depends on it is said. */
export class Promises {
  /** Of each machine's present word: the highest term it ever told anybody that it promised. */
  private readonly told: { incarnation: string; term: bigint; attempts: Map<bigint, string> }[] = [];

  constructor(private readonly world: World) {}

  started(machine: Machine): void {
    const told = this.toldBy(machine);
    const { promise } = machine.durable();
    if (promise.term < told.term)
      this.world.violate("I5", `${machine.id} starts with promise ${promise.term} after it had told ${told.term}`);
  }

  persisted(machine: Machine, durable: Durable): void {
    const before = machine.disk;
    if (before !== null && durable.incarnation === before.incarnation && durable.promise.term < before.promise.term)
      this.world.violate("I5", `${machine.id} wrote promise ${durable.promise.term} over ${before.promise.term}`);
  }

  /** Every answer that depends on a promise comes after it, on disk. */
  answered(machine: Machine, kind: CallKind, call: string, result: CallResult): void {
    if (!result.ok) return;
    const disk = machine.disk?.promise;
    const own = machine.durable().promise;
    if (disk === undefined || disk.term < own.term)
      this.world.violate(
        "I5",
        `${machine.id} answers ${kind} ${call} with promise ${own.term}, its disk says ${disk?.term}`,
      );
    const told = this.toldBy(machine);
    if (own.term > told.term) told.term = own.term;
    if (kind !== "recruit" || own.attempt === null) return;
    const before = told.attempts.get(own.term);
    if (before !== undefined && before !== own.attempt.nonce)
      this.world.violate("I5", `${machine.id} gave term ${own.term} to two attempts`);
    told.attempts.set(own.term, own.attempt.nonce);
  }

  /** It was put back to an earlier state: what it forgot then is no mistake of the core. */
  forgetWord(machine: Machine): void {
    this.told.splice(machine.index, 1, { incarnation: "", term: 0n, attempts: new Map() });
  }

  private toldBy(machine: Machine) {
    const { incarnation } = machine.durable();
    let told = this.told[machine.index];
    if (told?.incarnation !== incarnation) {
      told = { incarnation, term: 0n, attempts: new Map() };
      this.told[machine.index] = told;
    }
    return told;
  }

  sent(machine: Machine, kind: CallKind, request: CallRequest): void {
    const disk = machine.disk?.promise.term ?? 0n;
    if (disk < machine.durable().promise.term)
      this.world.violate("I5", `${machine.id} sends ${kind} ${request.term} before its own promise is on disk`);
  }
}
