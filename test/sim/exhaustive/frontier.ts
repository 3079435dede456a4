import type { World } from "./world.js";

const CHUNK_INTS = 1 << 20;

/** The worlds that are still to be looked at, first in, first out: a few numbers each, and what was read is let go. */
export class Frontier {
  length = 0;
  private readonly chunks: Int32Array[] = [];
  private writeAt = CHUNK_INTS;
  private readAt = 0;

  push({ locals, messages, facts, writes, crashes, attempts }: World): void {
    const ints = 6 + locals.length + messages.length + facts.length;
    if (this.writeAt + ints > CHUNK_INTS) {
      this.chunks.push(new Int32Array(CHUNK_INTS));
      this.writeAt = 0;
    }
    const chunk = this.chunks.at(-1) as Int32Array;
    for (const list of [
      [locals.length, messages.length, facts.length, writes, crashes, attempts],
      locals,
      messages,
      facts,
    ])
      for (const value of list) chunk[this.writeAt++] = value;
    this.length++;
  }

  shift(): World | undefined {
    if (this.length === 0) return undefined;
    // No world begins with 0 nodes: the rest of this chunk was left empty.
    if (this.readAt === CHUNK_INTS || this.chunks[0]?.[this.readAt] === 0) {
      this.chunks.shift();
      this.readAt = 0;
    }
    const [nodes, messages, facts] = [this.next(), this.next(), this.next()];
    const [writes, crashes, attempts] = [this.next(), this.next(), this.next()];
    this.length--;
    return {
      locals: this.list(nodes),
      messages: this.list(messages),
      facts: this.list(facts),
      writes,
      crashes,
      attempts,
    };
  }

  private next(): number {
    return this.chunks[0]?.[this.readAt++] as number;
  }

  private list(count: number): number[] {
    const list: number[] = [];
    for (let i = 0; i < count; i++) list.push(this.next());
    return list;
  }
}

/** A list of whole numbers below 2^32, for as many as there are states. */
export class Numbers {
  length = 0;
  private numbers = new Uint32Array(1 << 16);

  push(value: number): void {
    if (this.length === this.numbers.length) {
      const larger = new Uint32Array(this.length * 2);
      larger.set(this.numbers);
      this.numbers = larger;
    }
    this.numbers[this.length++] = value;
  }

  at(i: number): number {
    return this.numbers[i] ?? 0;
  }
}
