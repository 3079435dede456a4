/** What happens at a moment of virtual time; `seq` orders what happens at the same one. */
export interface Planned {
  readonly at: number;
  readonly seq: number;
  /** Null once it was taken back: then it happens to nobody. */
  run: (() => void) | null;
}

/** A binary heap ordered by (virtual time, sequence number): the one clock of a run. */
export class EventHeap {
  private readonly entries: Planned[] = [];
  private seq = 0;

  get size(): number {
    return this.entries.length;
  }

  push(at: number, run: () => void): Planned {
    const entry: Planned = { at, seq: this.seq++, run };
    const { entries } = this;
    let i = entries.length;
    entries.push(entry);
    while (i > 0) {
      const up = (i - 1) >> 1;
      const parent = entries[up] as Planned;
      if (parent.at < at || (parent.at === at && parent.seq < entry.seq)) break;
      entries[i] = parent;
      i = up;
    }
    entries[i] = entry;
    return entry;
  }

  /** The next event that was not taken back. */
  next(): Planned | undefined {
    while (this.entries[0]?.run === null) this.pop();
    return this.entries[0];
  }

  pop(): Planned | undefined {
    const { entries } = this;
    const top = entries[0];
    const last = entries.pop();
    if (top === undefined || last === undefined || entries.length === 0) return top;
    const size = entries.length;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= size) break;
      const right = child + 1;
      if (right < size && before(entries[right] as Planned, entries[child] as Planned)) child = right;
      const below = entries[child] as Planned;
      if (!before(below, last)) break;
      entries[i] = below;
      i = child;
    }
    entries[i] = last;
    return top;
  }
}

function before(a: Planned, b: Planned): boolean {
  return a.at < b.at || (a.at === b.at && a.seq < b.seq);
}
