import type { InitialRuleset } from "../../src/core/ruleset/ruleset.js";
import { failOperation } from "./altered.js";
import { changeFrom, cohortFrom } from "./change_text.js";
import { deliverAck, writeAt } from "./clients.js";
import { craft, policyFrom } from "./craft.js";
import { durableLoss, establishedLeaders, newestLeader, rogueTerms } from "./judge.js";
import { leaseLine } from "./lease_line.js";
import { leave } from "./leave.js";
import { nodeLine } from "./node_line.js";
import { orderFrom } from "./order_text.js";
import { RULESETS_DROPPED } from "./postgres_table.js";
import { simulate } from "./simulate.js";
import { World } from "./world.js";

/**
 * A script is blocks of commands, a line of dashes and what followed from them. Commands:
 *
 *   cluster n1 n2 n3! [majority | at_least K] [leases] [progress]   machines with this configuration, none started; `!`: a witness
 *   spare n4 of n1 n2 n3 [majority | ..] [leases]   machines that are no part of that configuration
 *   start N... · crash N... · restart N...     power on, power off (sidecar and Postgres), both
 *   sidecar-dies N [with-its-fuse] · kill-postgres N   one of the two; the fuse tells the next sidecar what is left behind
 *   fuse-deaf N                                what it was told last stays what it tells
 *   leave N MS                                 its sidecar says that it will be back within so long, and ends
 *   rulesets-gone N                            it looks for its records, and somebody has removed them
 *   drop-rulesets N                            somebody drops the table there: a record of its WAL, like a write
 *   wipe N · wipe-data N                       disk and data, or the data alone
 *   configure N n1 n2.. [policy] [founded]     another configuration file on this machine; told that the cluster exists
 *   disk-hangs N · disk-works N                what is persisted waits
 *   freeze N · thaw N · clock N RATE           sidecar and Postgres stand still; how fast its clock runs (before `start`)
 *   detect N MS                                what its next start is configured with
 *   unanswered N MS                            a look at its Postgres has had no answer for so long
 *   gone N                                     a killed Postgres' last process has ended
 *   cut A-B · cut A->B · heal                  silence, in both directions or one
 *   hold KIND A->B · release [KIND A->B]       KIND: recruit promote catch_up follow answer any status ack, wal (no
 *                                              connection), lag (nothing new through it); `pg N ACTION`, `report N ACTION`
 *   deliver M · drop M · repeat M              a held message; `repeat` keeps it
 *   send KIND/TERM A->B [KEY=VALUE..]          the last such request again, to somebody else or altered
 *   replay K                                   the K-th message that was ever delivered, once more
 *   finish N · fail N                          the held operation of a Postgres
 *   names N TEXT                               somebody sets synchronous_standby_names by hand; none: empties it
 *   standby N NAME LSN [waiting]               a connection of this name at N's Postgres, that streams or does not
 *   standby N NAME gone                        those of this name end
 *   data-size BYTES                            how much data every node says it holds: from 2 GiB on it is rewound
 *   no-rewind N REASON                         why it cannot be, on this node
 *   no-clone N REASON                          why there is no room for a clone, on this node
 *   rewind-does-nothing N                      and says that it was done
 *   clone-said N TIMELINE LSN SYSTEM           what N's next clone is said to be
 *   settle · advance MS                        all that needs no time; time
 *   write N NAME [BYTES]                       a client's commit; N may be `leader`, the newest established one
 *   afresh                                     another world, in which nothing has happened
 *   change N CALL [policy] [{n1 n2! n3=n3-b}] [wait MS]  an operator asks N for other rules (change_text.ts)
 *   switchover|failover N CALL [to n2] [deadline MS] · pause|resume N CALL   an operator orders N (order_text.ts)
 *   restart-postgres N CALL [force] [pending] [deadline MS]   an operator wants N's Postgres started again
 *   setting N NAME FROM TO                     N's adapter sees a setting that waits for that; none: nothing
 *   cohort N CALL +n4 -n3 [wait MS]            an operator asks N to take these in, or out
 *   admit-observers                            before the start: strangers are taken in
 *   ack A->B                                   what A acknowledged while `hold ack A->B` arrives at B now
 *   craft N [promise=T] [log=WORDS]             what a machine holds before it starts (craft.ts)
 *   show · lease                               one line a node; its leases
 *   quietly COMMAND                            without its trace
 *   simulate K                                 the lines below it are a run of the simulator (simulate.ts)
 */
export class Script {
  private world: World;
  private readonly parked = new Map<string, Parameters<World["handOver"]>[0]>();

  constructor(world: World = new World()) {
    this.world = world;
  }

  run(block: string): string {
    const commands = block.split("\n").filter((line) => !line.startsWith("#"));
    if (commands[0]?.startsWith("simulate")) return simulate(commands).join("\n");
    for (const line of block.split("\n")) if (line.trim() !== "" && !line.startsWith("#")) this.command(line.trim());
    const lines = this.world.trace.splice(0);
    return [...lines, ...durableLoss(this.world), ...rogueTerms(this.world)].join("\n");
  }

  leaderNow(): string | null {
    return establishedLeaders(this.world)[0]?.id ?? null;
  }

  hasOperation(id: string): boolean {
    return this.world.machine(id).operations.length > 0;
  }

  private command(line: string): void {
    const [verb = "", ...args] = line.split(/\s+/);
    const machines = () => args.map((id) => this.world.machine(id));
    const first = () => this.world.machine(args[0] ?? "");
    switch (verb) {
      case "quietly": {
        const { length } = this.world.trace;
        this.command(args.join(" "));
        const fatal = this.world.trace.splice(length).filter((l) => l.includes("FATAL"));
        this.world.trace.push(...fatal);
        return;
      }
      case "afresh": {
        const { trace } = this.world;
        this.world = new World();
        this.world.trace.push(...trace);
        return;
      }
      case "cluster":
        for (const { id } of configuration(args).nodes)
          this.world.add(id, configuration(args), args.includes("leases"), args.includes("progress"));
        return;
      case "spare": {
        const of = args.indexOf("of");
        for (const id of args.slice(0, of))
          this.world.add(id, configuration(args.slice(of + 1)), args.includes("leases"), args.includes("progress"));
        return;
      }
      case "configure":
        first().initial = configuration(args.slice(1));
        return;
      case "start":
        for (const machine of machines()) this.world.start(machine);
        return this.world.settle();
      case "crash":
        for (const machine of machines()) this.world.crash(machine, true);
        return this.world.settle();
      case "restart":
        for (const machine of machines()) this.world.crash(machine, true);
        for (const machine of machines()) this.world.start(machine);
        return this.world.settle();
      case "sidecar-dies":
        if (args[1] === "with-its-fuse") first().left = null;
        this.world.crash(first(), false);
        return this.world.settle();
      case "fuse-deaf":
        first().fuseDeaf = true;
        return;
      case "leave":
        return leave(this.world, first(), Number(args[1]));
      case "kill-postgres":
        first().postgres.stop();
        first().loop?.deliver({ kind: "postgres", report: { kind: "exited", reason: "killed by the script" } });
        return this.world.settle();
      case "rulesets-gone":
        first().loop?.deliver({ kind: "postgres", report: { kind: "records_seen", records: [] } });
        return this.world.settle();
      case "drop-rulesets": {
        const { postgres } = first();
        if (postgres.primary === null) throw new Error(`${postgres.id} is no primary`);
        postgres.append(postgres.primary, { write: RULESETS_DROPPED });
        return this.world.settle();
      }
      case "settle":
        return this.world.settle();
      case "advance":
        return this.world.advance(Number(args[0]));
      case "write":
        writeAt(this.world, args[0] === "leader" ? newestLeader(this.world) : first(), args[1] ?? "", args[2]);
        return this.world.settle();
      case "change": {
        const request = changeFrom(args.slice(2).join(" "));
        const asked = args[0] === "leader" ? newestLeader(this.world) : first();
        asked.loop?.deliver({ kind: "change_ruleset", call: args[1] ?? "", request });
        return this.world.settle();
      }
      case "switchover":
      case "failover":
      case "pause":
      case "resume": {
        const asked = args[0] === "leader" ? newestLeader(this.world) : first();
        asked.loop?.deliver(orderFrom(verb, args.slice(1)));
        return this.world.settle();
      }
      case "restart-postgres": {
        const asked = args[0] === "leader" ? newestLeader(this.world) : first();
        asked.loop?.deliver(orderFrom("restart", args.slice(1)));
        return this.world.settle();
      }
      case "cohort": {
        const asked = args[0] === "leader" ? newestLeader(this.world) : first();
        asked.loop?.deliver({ kind: "change_cohort", call: args[1] ?? "", request: cohortFrom(args.slice(2)) });
        return this.world.settle();
      }
      case "show":
        for (const machine of this.world.machines.values()) this.world.say(nodeLine(machine));
        return;
      case "lease":
        for (const machine of this.world.machines.values()) this.world.say(leaseLine(machine));
        return;
      case "craft":
        return craft(this.world, args.join(" "));
      default:
        return this.damage(verb, args);
    }
  }

  private damage(verb: string, args: string[]): void {
    const { world } = this;
    const first = () => world.machine(args[0] ?? "");
    switch (verb) {
      case "wipe": {
        const machine = first();
        machine.postgres.wipe();
        machine.disk = null;
        machine.incarnations++;
        return;
      }
      case "wipe-data":
        return first().postgres.wipe();
      case "names": {
        const text = args.slice(1).join(" ");
        Object.assign(first().postgres, { foreignNames: text === "none" ? "" : text });
        Object.assign(first(), { lastSeen: "" });
        return world.settle();
      }
      case "standby":
      case "clone-said":
        return this.invent(verb, args);
      case "data-size":
        for (const { postgres } of world.machines.values()) postgres.bytes = Number(args[0]);
        return;
      case "rewind-does-nothing":
        first().postgres.rewindsNothing = true;
        return;
      case "no-rewind":
        first().postgres.noRewind = args.slice(1).join(" ");
        return;
      case "no-clone":
        first().postgres.noClone = args.slice(1).join(" ");
        return;
      case "disk-hangs":
        first().diskHangs = true;
        return;
      case "disk-works": {
        const { waitingPersist } = first();
        Object.assign(first(), { diskHangs: false, waitingPersist: null });
        waitingPersist?.();
        return world.settle();
      }
      case "freeze":
        first().frozen = true;
        return;
      case "thaw":
        return world.thaw(first());
      case "detect":
        first().detectMs = Number(args[1]);
        return;
      case "clock":
        first().clockRate = Number(args[1]);
        return;
      case "setting": {
        const [, name = "", from = "", to = ""] = args;
        const settings = {
          postmasterPid: first().postgres.starts,
          pending: name === "none" ? [] : [{ name, from, to }],
          held: [],
        };
        first().loop?.deliver({ kind: "postgres", report: { kind: "settings_seen", settings } });
        return world.settle();
      }
      case "gone":
        first().loop?.deliver({ kind: "postgres", report: { kind: "gone" } });
        return world.settle();
      case "unanswered":
        first().loop?.deliver({ kind: "postgres", report: { kind: "unanswered", ms: Number(args[1]) } });
        return world.settle();
      case "admit-observers":
        world.admitObservers = true;
        return;
      case "cut":
        for (const link of links(args)) world.cuts.add(link);
        return;
      case "heal":
        world.cuts.clear();
        return world.settle();
      case "hold":
        world.holds.add(args.join(" "));
        return;
      case "release":
        if (args.length === 0) world.holds.clear();
        else world.holds.delete(args.join(" "));
        return world.settle();
      default:
        return this.handle(verb, args);
    }
  }

  private invent(verb: "standby" | "clone-said", [id = "", ...words]: string[]): void {
    const machine = this.world.machine(id);
    if (verb === "standby") {
      const [name = "", lsn = "0", waiting] = words;
      const { strangers } = machine.postgres;
      if (lsn === "gone") strangers.splice(0, strangers.length, ...strangers.filter((s) => s.name !== name));
      else strangers.push({ name, streaming: waiting === undefined, flushLsn: BigInt(lsn), pid: 7 });
      machine.lastSeen = "";
      return this.world.settle();
    }
    const [timeline = "0", lsn = "0", systemIdentifier = ""] = words;
    const position = { timeline: BigInt(timeline), lsn: BigInt(lsn) };
    machine.postgres.cloneSaid = { position, systemIdentifier };
  }

  private handle(verb: string, args: string[]): void {
    const { world } = this;
    const [id = "", link = "", ...changes] = args;
    switch (verb) {
      case "deliver":
      case "drop":
      case "repeat": {
        const message = world.messages.find((m) => m.id === id) ?? this.parked.get(id);
        if (message === undefined) throw new Error(`no message ${id} is held`);
        if (verb !== "repeat" && world.messages.includes(message))
          world.messages.splice(world.messages.indexOf(message), 1);
        this.parked.set(id, message);
        if (verb !== "drop") world.handOver(message);
        return world.settle();
      }
      case "replay": {
        const old = world.delivered[Number(id) % world.delivered.length];
        if (old !== undefined) world.handOver(old);
        return world.settle();
      }
      case "ack":
        deliverAck(world, id);
        return world.settle();
      case "send":
        world.sendAltered(id, link, Object.fromEntries(changes.map((c) => c.split("="))));
        return world.settle();
      case "finish":
        world.work(world.machine(id), true);
        return world.settle();
      case "fail":
        failOperation(world, world.machine(id));
        return world.settle();
      default:
        throw new Error(`unknown command ${verb}`);
    }
  }
}

function links(args: readonly string[]): string[] {
  return args.flatMap((arg) => {
    const [from = "", way = "", to = ""] = arg.split(/(->|-)/);
    return way === "->" ? [`${from}->${to}`] : [`${from}->${to}`, `${to}->${from}`];
  });
}

function configuration(words: readonly string[]): InitialRuleset {
  const nodes = words
    .filter((w) => /^n\d!?$/.test(w))
    .map((w) => ({ id: w.slice(0, 2), labels: {}, ...(w.endsWith("!") ? { witness: true } : {}) }));
  return { policy: policyFrom(words), nodes, ...(words.includes("founded") ? { founded: true } : {}) };
}
