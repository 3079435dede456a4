/** Whether only this machine can reach the host. */
export function isLoopback(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d{1,3}){3}$/.test(host);
}

/** Whether a port of one is a port of the other. 127.0.0.2 has ports of its own, but `localhost` may be either family. */
export function sameAddress(a: string, b: string): boolean {
  const canonical = (host: string) =>
    ["localhost", "::1"].includes(host.toLowerCase()) ? "127.0.0.1" : host.toLowerCase();
  return canonical(a) === canonical(b);
}

/** Whether both are the same machine, as far as names tell. */
export function sameMachine(a: string, b: string): boolean {
  return sameAddress(a, b) || (isLoopback(a) && isLoopback(b));
}

/** Whether a node's host is this machine, whose names and addresses are `own`. */
export function isOnThisHost(host: string, own: readonly string[]): boolean {
  return isLoopback(host) || own.some((name) => name.toLowerCase() === host.toLowerCase());
}
