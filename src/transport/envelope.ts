import type { Sender } from "../core/messages.js";
import type { NodeId } from "../core/ruleset/ruleset.js";
import { EDGE_LIMITS } from "./edge_limits.js";
import { Malformed, nodeId, present, systemIdentifier, text, token } from "./fields.js";
import type { Envelope as WireEnvelope, Sender as WireSender } from "./gen/quorate/v1/cluster.js";

/** The protocol versions a process speaks, both ends included. */
export interface ProtocolRange {
  readonly min: number;
  readonly max: number;
}

/** What this program speaks. */
export const PROTOCOL: ProtocolRange = Object.freeze({ min: 1, max: 1 });

/** Travels with every message. */
export interface Envelope {
  readonly cluster: string;
  readonly protocol: ProtocolRange;
  /** Null when a command line asks. */
  readonly sender: Sender | null;
  /** Null on answers, and when any node will do. */
  readonly to: NodeId | null;
}

export interface Belonging {
  readonly cluster: string;
  readonly protocol: ProtocolRange;
}

export function envelopeToWire({ cluster, protocol, sender, to }: Envelope): WireEnvelope {
  return {
    cluster,
    protocol,
    sender:
      sender === null
        ? undefined
        : {
            node: sender.node,
            incarnation: sender.incarnation,
            systemIdentifier: sender.systemIdentifier ?? undefined,
          },
    to: to ?? undefined,
  };
}

export function envelopeToCore(value: WireEnvelope | undefined): Envelope {
  const { cluster, protocol, sender, to } = present(value, "envelope");
  const { min, max } = present(protocol, "envelope.protocol");
  if (cluster === "") throw new Malformed("envelope.cluster is missing");
  if (min < 1 || min > max) throw new Malformed(`envelope.protocol ${min} to ${max} is no range`);
  return {
    cluster: text(cluster, "envelope.cluster", EDGE_LIMITS.nameChars),
    protocol: { min, max },
    sender: sender === undefined ? null : senderToCore(sender),
    to: to === undefined ? null : nodeId(to, "envelope.to"),
  };
}

function senderToCore({ node, incarnation, systemIdentifier: system }: WireSender): Sender {
  return {
    node: nodeId(node, "sender.node"),
    incarnation: token(incarnation, "sender.incarnation"),
    systemIdentifier: system === undefined ? null : systemIdentifier(system, "sender.system_identifier"),
  };
}

/**
 * Why a message does not belong here, or undefined. System identifiers and incarnations are not judged here:
 * a founder that failed half-way has data of its own, and the others must still be able to recruit it.
 */
export function strangeness(envelope: Envelope, here: Belonging): string | undefined {
  if (envelope.cluster !== here.cluster) {
    return `this is cluster ${here.cluster}, the message is of cluster ${envelope.cluster}: one of the two has a wrong address in its configuration`;
  }
  const { min, max } = envelope.protocol;
  if (max < here.protocol.min || min > here.protocol.max) {
    return `protocol ${range(here.protocol)} is spoken here and ${range(envelope.protocol)} there: upgrade the older of the two`;
  }
  return undefined;
}

/** Why a node's request is not for `self`, or undefined. */
export function misdelivery(envelope: Envelope, self: NodeId): string | undefined {
  const { sender, to } = envelope;
  if (to !== self) {
    return `this is node ${self}, the message is for ${to ?? "nobody"}: correct the address of ${to ?? "the receiver"} in the configuration`;
  }
  if (sender?.node === self) {
    return `the sender calls itself ${self} as this node does: every node needs an id of its own`;
  }
  return undefined;
}

function range({ min, max }: ProtocolRange): string {
  return min === max ? `${min}` : `${min} to ${max}`;
}
