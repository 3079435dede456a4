import type { Ports } from "../../src/agent/ports.js";
import type { Effect, PostgresAction } from "../../src/core/effects.js";
import { fuseWord } from "../../src/core/lease/left_behind.js";
import type { HandoverResult, PauseResult, RestartResult } from "../../src/core/orders.js";
import type { NodeId } from "../../src/core/ruleset/ruleset.js";
import type { ChangeResult } from "../../src/core/ruleset/wanted.js";
import type { Durable, State } from "../../src/core/state.js";
import { changeText } from "./change_text.js";
import type { Machine } from "./machine.js";
import type { answerText, Request } from "./message_text.js";
import { handoverText, pauseText, restartText } from "./order_text.js";
import type { World } from "./world.js";

/** The ports of one sidecar, onto the tables of this world. */
export function portsOf(world: World, machine: Machine): Ports {
  const { id } = machine;
  const boot = machine.boots;
  const alive = () => machine.boots === boot && machine.loop !== null;
  const answer = (kind: string) => (call: string, result: Parameters<typeof answerText>[0]) =>
    world.answer(id, kind, call, result);
  return {
    clock: world.clock.of(alive, () => machine.frozen, machine.clockRate),
    credentials: () => null,
    notes: {
      note: (note: Extract<Effect, { kind: "note" }>) => {
        if (note.level !== "debug") world.say(`${id}: ${note.text}`);
      },
    },
    fatal: (reason: string) => world.say(`${id}: FATAL ${reason}`),
    fuse: {
      heed: (state: State) => {
        if (!machine.fuseDeaf) machine.left = fuseWord(state, world.clock.nowMs * machine.clockRate).left;
      },
    },
    store: {
      persist: (durable: Durable, done: (error: Error | null) => void) => {
        const write = () => {
          machine.disk = durable;
          const by = durable.promise.attempt?.nonce ?? "nobody";
          world.say(`${id} persists promise ${durable.promise.term} to ${by}, began ${durable.promotionStarted}`);
          done(null);
        };
        if (machine.diskHangs) machine.waitingPersist = write;
        else write();
      },
    },
    transport: {
      recruit: (to: NodeId, request: Request) => world.send(id, to, "recruit", request),
      promote: (to: NodeId, request: Request) => world.send(id, to, "promote", request),
      catchUp: (to: NodeId, request: Request) => world.send(id, to, "catch_up", request),
      answerCatchUp: answer("catch_up"),
      follow: (to: NodeId, request: Request) => world.send(id, to, "follow", request),
      answerRecruit: answer("recruit"),
      answerPromote: answer("promote"),
      answerFollow: answer("follow"),
      answerChange: (call: string, result: ChangeResult) => world.say(`${id} answers ${call}: ${changeText(result)}`),
      answerHandover: (call: string, result: HandoverResult) =>
        world.say(`${id} answers ${call}: ${handoverText(result)}`),
      answerRestart: (call: string, result: RestartResult) =>
        world.say(`${id} answers ${call}: ${restartText(result)}`),
      answerPause: (call: string, { pause }: PauseResult) => world.say(`${id} answers ${call}: ${pauseText(pause)}`),
      publish: () => {},
    },
    postgres: {
      perform: (op: number, action: PostgresAction) => {
        // A stream that is ended stands still where it is, under the number of the operation that it was.
        if (action.kind === "cancel_catch_up") {
          const ended = { kind: "revoke" as const, names: null };
          machine.operations = machine.operations.map((o) =>
            o.action.kind === "catch_up" ? { ...o, action: ended } : o,
          );
        } else if (action.kind === "rewind") {
          machine.postgres.beginRewind();
          machine.operations.push({ op, action });
        } else if (alive() || machine.loop === null) machine.operations.push({ op, action });
      },
      emergencyFence: () => {
        world.say(`${id} emergency fence`);
        machine.postgres.stop();
        machine.loop?.deliver({ kind: "postgres", report: { kind: "exited", reason: "fenced by the shell" } });
      },
    },
  };
}
