import type { Event } from "../../src/core/events.js";
import type {
  CatchUpRequest,
  CatchUpResult,
  FollowRequest,
  FollowResult,
  PromoteRequest,
  PromoteResult,
  RecruitRequest,
  RecruitResult,
  Sender,
} from "../../src/core/messages.js";
import type { Machine } from "./machine.js";
import type { World } from "./world.js";

export type CallKind = "recruit" | "promote" | "catch_up" | "follow";
export type CallRequest = RecruitRequest | PromoteRequest | CatchUpRequest | FollowRequest;
export type CallResult = RecruitResult | PromoteResult | CatchUpResult | FollowResult;

interface Call {
  readonly id: string;
  readonly kind: CallKind;
  readonly from: Machine;
  readonly boot: number;
  readonly sender: Sender;
  readonly to: Machine;
  readonly request: CallRequest;
  done: boolean;
}

/**
 * Requests between sidecars. Each ends in one result: the answer, or *unreachable* at its deadline or when the
 * connection broke. Requests and answers may also come again, much later, in any order.
 */
export class Calls {
  private readonly pending = new Map<string, Call>();
  private next = 1;

  constructor(private readonly world: World) {}

  request(from: Machine, to: Machine, kind: CallKind, request: CallRequest): void {
    const { world } = this;
    const { node, incarnation, systemIdentifier } = from.durable();
    const sender = { node, incarnation, systemIdentifier };
    const call: Call = { id: `c${this.next++}`, kind, from, boot: from.boot, sender, to, request, done: false };
    this.pending.set(call.id, call);
    const detectUs = world.config.detectMs * 1000;
    world.after(kind === "recruit" ? 4 * detectUs : detectUs, () => this.unreachable(call, "no answer in time"));
    const { network } = world;
    if (network.loses()) {
      world.mark("request_lost");
      if (network.coin()) world.after(network.latencyUs(from.index, to.index), () => this.unreachable(call, "reset"));
      return;
    }
    this.transmit(call, network.latencyUs(from.index, to.index));
    if (network.duplicates()) {
      world.mark("request_again");
      this.transmit(call, network.duplicateDelayUs());
    }
  }

  answer(from: Machine, id: string, result: CallResult): void {
    const call = this.pending.get(id);
    if (call === undefined) return;
    const { world } = this;
    const { network } = world;
    if (network.loses()) {
      world.mark("answer_lost");
      return;
    }
    const arrive = () => {
      if (!network.passes(from.index, call.from.index, "sidecars")) return;
      this.finish(call, result);
    };
    world.after(network.latencyUs(from.index, call.from.index), arrive);
    if (network.duplicates()) {
      world.mark("answer_again");
      world.after(network.duplicateDelayUs(), () => {
        call.done = false;
        arrive();
      });
    }
  }

  private transmit(call: Call, us: number): void {
    const { world } = this;
    const { from, to } = call;
    world.after(us, () => {
      if (!world.network.passes(from.index, to.index, "sidecars") || !to.powered) return;
      if (to.loop === null) {
        world.after(world.network.latencyUs(to.index, from.index), () => this.unreachable(call, "refused"));
        return;
      }
      to.whenAwake(() => {
        world.say(`${from.id} -> ${to.id} ${call.kind} ${call.request.term}`);
        to.deliver({ kind: call.kind, call: call.id, from: call.sender, request: call.request } as Event);
      });
    });
  }

  private unreachable(call: Call, reason: string): void {
    this.finish(call, { ok: "unreachable", reason });
  }

  private finish(call: Call, result: CallResult | { readonly ok: "unreachable"; readonly reason: string }): void {
    if (call.done) return;
    call.done = true;
    const { from, to, kind, request } = call;
    if (from.boot !== call.boot) return;
    from.whenAwake(() => {
      if (result.ok !== "unreachable")
        this.world.say(`${to.id} -> ${from.id} ${kind} ${request.term}: ${sayResult(result)}`);
      from.deliver({ kind: `${kind}_result`, peer: to.id, request, result } as unknown as Event);
    });
  }
}

function sayResult(result: CallResult): string {
  if (!result.ok) return `refused: ${result.refusal.reason}`;
  return "answer" in result ? `${result.answer.position.timeline}:${result.answer.position.lsn}` : "yes";
}
