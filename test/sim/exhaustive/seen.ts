/** What stands for a state: twice 32 bits. */
export interface Key {
  readonly high: number;
  readonly low: number;
}

/** A set of keys, for more of them than a `Set` can hold (2^24): open addressing, at most half full. */
export class Seen {
  size = 0;
  private slots = new Uint32Array(1 << 16);

  /** @returns whether it is new. */
  add({ high, low }: Key): boolean {
    if (this.size * 4 >= this.slots.length) this.grow();
    const isNew = put(this.slots, high, low);
    if (isNew) this.size++;
    return isNew;
  }

  private grow(): void {
    const before = this.slots;
    const slots = new Uint32Array(before.length * 2);
    for (let i = 0; i < before.length; i += 2) {
      const high = before[i] as number;
      const low = before[i + 1] as number;
      if (high !== 0 || low !== 0) put(slots, high, low);
    }
    this.slots = slots;
  }
}

/** Both zero is an empty slot: the one key in 2^64 that is shares its slot with its neighbour. */
function put(slots: Uint32Array, high: number, given: number): boolean {
  const low = high === 0 && given === 0 ? 1 : given;
  const mask = slots.length / 2 - 1;
  let at = (low ^ high) & mask;
  for (; slots[at * 2] !== 0 || slots[at * 2 + 1] !== 0; at = (at + 1) & mask)
    if (slots[at * 2] === high && slots[at * 2 + 1] === low) return false;
  slots[at * 2] = high;
  slots[at * 2 + 1] = low;
  return true;
}
