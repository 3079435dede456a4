/*
 * Why there is no connection, as a sentence for an operator. The library wraps the operating system's word into
 * sentences of its own ("No connection established. Last error: Error: connect ECONNREFUSED ... Resolution note: ").
 */

const SYSTEM: readonly (readonly [RegExp, (place: string) => string])[] = [
  [/\bECONNREFUSED\b/, (place) => `nothing listens on ${place} (its sidecar does not run, or has another port)`],
  [/\b(?:EHOSTUNREACH|ENETUNREACH)\b/, (place) => `there is no way to ${place} (check the host and the network)`],
  [/\bETIMEDOUT\b/, (place) => `${place} does not answer (check the host and the firewall)`],
  [/\b(?:ECONNRESET|EPIPE)\b/, () => "the other side cut it: its sidecar ended, or the network did it"],
  [
    /\bFailed to connect\b/,
    () => "it was ended at once (check that a sidecar listens on this port, and whether it wants `tls`)",
  ],
  [/\bConnection dropped\b/, () => "it was lost: its sidecar ended, or the network"],
];

/** From what the library says of UNAVAILABLE; what is not the library's own is passed on. */
export function connectionFault(details: string): string {
  const name = /Name resolution failed for target (?:dns:)?(.+):\d+/.exec(details)?.[1];
  if (name !== undefined) return `no connection: the name ${name} is not known here (check the host, or DNS)`;
  const place = /\bconnect E[A-Z]+ (\S+?)\.?(?:\s|$)/.exec(details)?.[1] ?? "the other side";
  const known = SYSTEM.find(([pattern]) => pattern.test(details));
  return `no connection: ${known === undefined ? unwrapped(details) : known[1](place)}`;
}

function unwrapped(details: string): string {
  return details
    .replace(/^No connection established\. Last error: (?:Error: )?/, "")
    .replace(/\.? ?Resolution note: *$/, "");
}
