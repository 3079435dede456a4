import type { Machine } from "./machine.js";
import type { Postgres } from "./postgres.js";
import type { Rng } from "./prng.js";
import type { World } from "./world.js";

/** What a client knows of its write. Unknown for ever, if its connection broke while it waited. */
type Outcome = "waiting" | "acknowledged" | "unknown" | "refused";

interface Session {
  readonly postgres: Postgres;
  ended: boolean;
}

const SESSIONS_MAX = 8;

/** Writers with a ledger, and readers. They reach every machine that runs: a partition lies between the nodes only. */
export class Clients {
  readonly ledger: Outcome[] = [];
  /** Writes on their way, each with the process it was sent to. */
  private readonly sent = new Map<number, Postgres>();
  private readonly rng: Rng;
  private sessions: Session[] = [];

  constructor(private readonly world: World) {
    this.rng = world.rng("client choices");
  }

  /** Writes to a Postgres that lets clients in and is out of recovery; there may be more than one. */
  write(among: (machine: Machine) => boolean = () => true): number {
    const { world } = this;
    const id = this.ledger.length;
    const open = world.machines.filter((m) => among(m) && admits(m.postgres) && m.postgres.primary !== null);
    if (open.length === 0) {
      this.ledger.push("refused");
      world.mark("write_refused");
      return id;
    }
    if (open.length > 1) world.mark("two_open_leaders");
    const { postgres } = this.rng.pick(open);
    this.ledger.push("waiting");
    this.sent.set(id, postgres);
    postgres.later(0, () => {
      if (postgres.primary === null || postgres.door === "shut") {
        this.settle(id, "unknown");
        return;
      }
      this.admitted(postgres);
      if (world.trace !== null) world.say(`${postgres.machine.id} takes write ${id} under ${postgres.primary}`);
      postgres.commits.begin(id + 1);
    });
    return id;
  }

  read(): void {
    const { world } = this;
    const old = this.sessions;
    const open = world.machines.filter((m) => admits(m.postgres)).map((m) => m.postgres);
    let session: Session;
    if (old.length >= SESSIONS_MAX || (this.rng.below(2) === 0 && old.length > 0)) {
      session = this.rng.pick(old);
      world.mark("read_in_an_old_session");
    } else if (open.length > 0) {
      const postgres = this.rng.pick(open);
      session = { postgres, ended: false };
      this.sessions.push(session);
    } else {
      world.mark("read_refused");
      return;
    }
    const { postgres } = session;
    // A frozen process answers when it is thawed, if nobody ended the session until then.
    postgres.later(0, () => {
      if (!session.ended) this.look(postgres);
    });
  }

  private look(postgres: Postgres): void {
    const { world } = this;
    if (postgres.primary === null) {
      world.mark("read_from_standby");
      world.checker.shownByStandby(postgres);
      return;
    }
    world.mark("read_from_leader");
    this.admitted(postgres);
    if (postgres.visible !== null) world.checker.shown(postgres, postgres.visible);
  }

  private admitted(postgres: Postgres): void {
    if (postgres.primary !== null) this.world.checker.admitted(postgres, postgres.primary);
  }

  /** Somebody loses patience: its COMMIT returns with a warning. */
  cancel(): void {
    const waiting = this.world.machines.filter((m) => m.postgres.commits.wait);
    if (waiting.length === 0) return;
    const write = this.rng.pick(waiting).postgres.commits.cancel();
    if (write === undefined) return;
    this.world.mark("commit_cancelled");
    this.settle(write - 1, "unknown");
  }

  acknowledged(write: number): void {
    this.settle(write - 1, "acknowledged");
  }

  /** The process died: whoever waited there does not know. */
  gone(postgres: Postgres): void {
    for (const [id, to] of this.sent) if (to === postgres) this.settle(id, "unknown");
    this.ended(postgres);
  }

  /** Its sessions were ended. */
  ended(postgres: Postgres): void {
    for (const session of this.sessions) if (session.postgres === postgres) session.ended = true;
    this.sessions = this.sessions.filter((s) => !s.ended);
  }

  private settle(id: number, outcome: Outcome): void {
    this.sent.delete(id);
    if (this.ledger[id] === "waiting") this.ledger[id] = outcome;
    this.world.mark(`write_${outcome}`);
  }
}

function admits(postgres: Postgres): boolean {
  return postgres.running && postgres.machine.powered && postgres.door === "open";
}
