import type { NodeId } from "../core/ruleset/ruleset.js";
import { authority } from "./channel.js";

/**
 * A loopback host is bound alone, so that a cluster on one machine is not reachable from outside. Any other host
 * may be a name or an address the machine has only behind a translation: then all interfaces are bound.
 */
export function listenAddresses(host: string): string[] {
  if (host === "localhost") return ["127.0.0.1"];
  if (host === "::1" || /^127(\.\d{1,3}){3}$/.test(host)) return [host];
  return ["::", "0.0.0.0"];
}

/** With what to do about it. */
export function listenError(fault: unknown, host: string, port: number, self: NodeId): Error {
  const cause = fault instanceof Error ? fault.message : String(fault);
  if (cause.includes("EADDRINUSE")) {
    return new Error(
      `port ${port} is in use, ${self} cannot listen on it: stop what listens there (another sidecar of ${self}?) or set another \`port\``,
      { cause: fault },
    );
  }
  if (cause.includes("EACCES")) {
    return new Error(`${self} may not listen on port ${port}: set a \`port\` above 1023`, { cause: fault });
  }
  return new Error(`${self} cannot listen on ${authority(host, port)}: ${cause}; check its \`host\` and \`port\``, {
    cause: fault,
  });
}
