import type { Rng } from "./prng.js";
import type { World } from "./world.js";

export type Traffic = "wal" | "sidecars";

/**
 * Links between machines, each direction on its own. A message on a cut link is gone; what goes over a connection
 * (WAL, statuses) waits for the link instead, as TCP does.
 */
export class Network {
  private readonly rng: Rng;
  /** How many cuts lie over a link now, for each kind of traffic. */
  private readonly cuts: Record<Traffic, number[]>;
  private readonly cloggedUntil: number[];
  private readonly waiting: Record<Traffic, (() => void)[][]>;
  private readonly nodes: number;
  /** In the last phase nothing is lost any more. */
  calm = false;

  constructor(private readonly world: World) {
    this.nodes = world.config.nodes;
    this.rng = world.rng("network");
    const links = this.nodes * this.nodes;
    this.cuts = { wal: new Array<number>(links).fill(0), sidecars: new Array<number>(links).fill(0) };
    this.cloggedUntil = new Array<number>(links).fill(0);
    this.waiting = {
      wal: Array.from({ length: links }, () => []),
      sidecars: Array.from({ length: links }, () => []),
    };
  }

  passes(from: number, to: number, traffic: Traffic): boolean {
    return (this.cuts[traffic][from * this.nodes + to] ?? 0) === 0;
  }

  bothWays(a: number, b: number, traffic: Traffic): boolean {
    return this.passes(a, b, traffic) && this.passes(b, a, traffic);
  }

  /** Of one message now; a clogged link holds it until it flows again. */
  latencyUs(from: number, to: number): number {
    const { latencyUs, spikes, spikeUs } = this.world.config;
    let us = this.rng.between(latencyUs[0], latencyUs[1]);
    if (!this.calm && this.rng.chance(spikes)) us += this.rng.below(spikeUs);
    const clogged = (this.cloggedUntil[from * this.nodes + to] ?? 0) - this.world.nowUs;
    return clogged > 0 ? clogged + us : us;
  }

  loses(): boolean {
    return !this.calm && this.rng.chance(this.world.config.loss);
  }

  duplicates(): boolean {
    return !this.calm && this.rng.chance(this.world.config.duplicates);
  }

  duplicateDelayUs(): number {
    return this.rng.below(this.world.config.duplicateWithinUs);
  }

  coin(): boolean {
    return this.rng.below(2) === 0;
  }

  /** Runs once the link passes: at once if it does. */
  whenPassing(from: number, to: number, traffic: Traffic, run: () => void): void {
    if (this.passes(from, to, traffic)) run();
    else this.waiting[traffic][from * this.nodes + to]?.push(run);
  }

  cut(what: "all" | Traffic, from: number, to: number, by: 1 | -1): void {
    const kinds: Traffic[] = what === "all" ? ["wal", "sidecars"] : [what];
    for (let i = 0; i < this.nodes; i++) {
      for (let j = 0; j < this.nodes; j++) {
        if (i === j || (from & (1 << i)) === 0 || (to & (1 << j)) === 0) continue;
        for (const kind of kinds) this.change(kind, i, j, by);
      }
    }
  }

  private change(kind: Traffic, from: number, to: number, by: 1 | -1): void {
    const link = from * this.nodes + to;
    const cuts = this.cuts[kind];
    cuts[link] = Math.max(0, (cuts[link] ?? 0) + by);
    if (cuts[link] === 0) this.release(kind, link);
  }

  clog(from: number, to: number, forUs: number): void {
    for (let i = 0; i < this.nodes; i++)
      for (let j = 0; j < this.nodes; j++)
        if ((from & (1 << i)) !== 0 && (to & (1 << j)) !== 0)
          this.cloggedUntil[i * this.nodes + j] = this.world.nowUs + forUs;
  }

  /** Among the nodes of `mask` everything flows again; to and from the others nothing does. */
  separate(mask: number): void {
    this.calm = true;
    for (let i = 0; i < this.nodes; i++) {
      for (let j = 0; j < this.nodes; j++) {
        const link = i * this.nodes + j;
        const inside = (mask & (1 << i)) !== 0 && (mask & (1 << j)) !== 0;
        this.cloggedUntil[link] = 0;
        for (const kind of ["wal", "sidecars"] as const) {
          this.cuts[kind][link] = inside ? 0 : 1;
          if (inside) this.release(kind, link);
        }
      }
    }
  }

  private release(kind: Traffic, link: number): void {
    const runs = this.waiting[kind][link];
    if (runs === undefined || runs.length === 0) return;
    this.waiting[kind][link] = [];
    for (const run of runs) run();
  }
}
