import type { FollowRequest, PromoteRequest, RecruitAnswer, RecruitRequest } from "../../../src/core/messages.js";
import type { NodeId } from "../../../src/core/ruleset/ruleset.js";
import { textOfValue } from "./canonical.js";
import type { Local } from "./node_table.js";

/**
 * Requests, once sent, stay: they may arrive in any order, again, or never. An answer arrives at once or is lost, and the
 * same request again gets it again: a coordinator may wait with it for as long as it likes, which is the same as a late one.
 */
export type Message =
  | { readonly kind: "recruit"; readonly from: NodeId; readonly to: NodeId; readonly request: RecruitRequest }
  | { readonly kind: "promote"; readonly from: NodeId; readonly to: NodeId; readonly request: PromoteRequest }
  | { readonly kind: "follow"; readonly from: NodeId; readonly to: NodeId; readonly request: FollowRequest }
  | {
      readonly kind: "answer";
      readonly from: NodeId;
      readonly to: NodeId;
      readonly request: RecruitRequest;
      readonly answer: RecruitAnswer;
    };

/** Numbers for messages: equal ones are one. */
export class Post {
  private readonly known = new Map<string, number>();
  readonly all: Message[] = [];

  numberOf(message: Message): number {
    const text = textOfValue(message);
    const found = this.known.get(text);
    if (found !== undefined) return found;
    const id = this.all.length;
    this.known.set(text, id);
    this.all.push(message);
    return id;
  }
}

/**
 * Whether a message can never change anything again, whatever happens: it need not be kept. Promises, `promotionStarted`
 * and what a primary was told only rise; an attempt that its coordinator left is never taken up again.
 */
export function isSpent(message: Message, receiver: Local, sender: Local): boolean {
  const { promise, promotionStarted } = receiver.state.durable;
  switch (message.kind) {
    case "recruit": {
      const { term, attempt } = message.request;
      if (promise.term !== term) return promise.term > term;
      if (promise.attempt?.nonce !== attempt.nonce) return true;
      const { election } = sender.state.volatile;
      const asks =
        election.stage === "recruiting" && election.attempt.nonce === attempt.nonce && election.term === term;
      return !asks || election.answers[message.to] !== undefined;
    }
    case "promote": {
      const { term, attempt } = message.request;
      return (
        promise.term > term ||
        promotionStarted >= term ||
        (promise.term === term && promise.attempt?.nonce !== attempt.nonce)
      );
    }
    case "follow":
      return promise.term > message.request.term;
    case "answer":
      return true;
  }
}
