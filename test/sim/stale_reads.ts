import type { Postgres } from "./postgres.js";
import type { World } from "./world.js";

/** What a thawed Postgres may still answer before anybody can stop it (DESIGN 7; POSTGRES.md F: 31 ms at most). */
const THAW_US = 31_000;

/**
 * I8: once a new leader is established no read is served by an older one. Not only by those who happen to ask: whoever
 * *could* be served, by an open door or in a session of a dead postmaster, is a violation. Clients reach every machine,
 * so those that are cut off together with a leader are among them.
 */
export class StaleReads {
  private newest = 0n;

  constructor(private readonly world: World) {}

  established(term: bigint): void {
    if (term > this.newest) this.newest = term;
    for (const { postgres } of this.world.machines) this.look(postgres);
  }

  /** Asked whenever one of the things changed that it depends on. */
  look(postgres: Postgres): void {
    const { world } = this;
    const term = servesReadsOf(postgres);
    if (term === null || term >= this.newest || !world.config.leases) return;
    // It thaws at that time, and not before it has: whatever else happens in the same microsecond comes too early.
    if (world.nowUs <= postgres.pausedUntilUs) return;
    const graceUs = postgres.thawedUs + THAW_US - world.nowUs;
    if (graceUs > 0) {
      world.mark("stale_after_a_thaw");
      world.after(graceUs, () => this.look(postgres));
    } else this.served(postgres, term);
  }

  /** Somebody was served. */
  read(postgres: Postgres): void {
    const { primary } = postgres;
    if (primary === null || primary >= this.newest) return;
    this.world.mark("stale_read");
    if (this.world.config.leases) this.look(postgres);
  }

  private served(postgres: Postgres, term: bigint): void {
    const { world } = this;
    if (world.config.clocks === "beyond") return world.mark("stale_beyond_the_clocks_bound");
    world.violate(
      "I8",
      `${postgres.machine.id} serves reads of term ${term} while ${this.newest} is established${postgres.orphansOf === null ? "" : ", in sessions that its postmaster left behind"}`,
    );
  }
}

/** The term whose reads a client could have here now; null if nobody is let in, or a standby answers. */
function servesReadsOf({ machine, running, door, primary, orphansOf }: Postgres): bigint | null {
  if (!machine.powered) return null;
  return running && door === "open" ? primary : orphansOf;
}
