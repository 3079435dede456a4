/**
 * The bounds a message from another process must keep. They are wide: a message beyond them is a bug or
 * an attack, never a large cluster. Free text is cut to its bound by the sender, so that a long reason
 * cannot make a whole status unreadable.
 */
export const EDGE_LIMITS = Object.freeze({
  /** One gRPC message. A ruleset record takes some hundred bytes, so the longest record list fits. */
  messageBytes: 4 * 1024 * 1024,
  members: 64,
  labels: 32,
  rulesetRecords: 4096,
  /** Rulesets of one recruitment: the decided one and those proposed after it. */
  obliged: 64,
  ancestors: 65_536,
  /** Incarnations, nonces, boots: drawn by programs. */
  tokenChars: 64,
  /** Cluster names, label keys and values, host names, versions. */
  nameChars: 255,
  /** Sentences for people, paths. */
  textChars: 4096,
  /** The canonical text of an initial ruleset: every member with its labels. */
  initialChars: 65_536,
  passwordChars: 1024,
  /** Calls taken in and not answered yet. A node has at most a few peers with one call of each kind. */
  openCalls: 64,
  /** Settings that one node says wait for a restart: a list for people. */
  settings: 64,
  /** Streams to those who watch this node. */
  watchers: 64,
  /** HTTP/2 streams that one connection may hold open. */
  streamsPerConnection: 64,
});
