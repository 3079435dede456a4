import type { ServerUnaryCall, sendUnaryData } from "@grpc/grpc-js";
import { status } from "@grpc/grpc-js";
import type { CallId } from "../agent/ports.js";
import { EDGE_LIMITS } from "./edge_limits.js";

type Answer = sendUnaryData<Buffer>;

/** Calls taken in and not answered yet, at most so many; one whose client went away is forgotten. */
export class OpenCalls {
  private readonly answers = new Map<CallId, Answer>();
  private opened = 0;

  /** Undefined when too many are open already. */
  open(call: ServerUnaryCall<Buffer, Buffer>, answer: Answer): CallId | undefined {
    if (this.answers.size >= EDGE_LIMITS.openCalls) return undefined;
    this.opened += 1;
    const id = `call-${this.opened}`;
    this.answers.set(id, answer);
    // Also emitted at the client's deadline.
    call.on("cancelled", () => this.answers.delete(id));
    return id;
  }

  /** An answer to a call that is not open any more goes nowhere: the client has its own deadline. */
  answer(id: CallId, bytes: () => Buffer): void {
    const answer = this.answers.get(id);
    if (answer === undefined) return;
    this.answers.delete(id);
    answer(null, bytes());
  }

  get size(): number {
    return this.answers.size;
  }

  failAll(reason: string): void {
    const answers = [...this.answers.values()];
    this.answers.clear();
    for (const answer of answers) answer({ code: status.UNAVAILABLE, details: reason });
  }
}
