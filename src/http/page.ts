/** The page for people: the cluster as this node sees it, written out anew each second. It shows, and changes nothing. */
import { createHash } from "node:crypto";
import type { Snapshot } from "../agent/snapshot.js";
import { type ClusterState, clusterState } from "../core/cluster_state.js";
import type { Look } from "./view.js";

export interface Page {
  readonly self: string;
  readonly cluster: string;
  readonly version: string;
}

const STATE: Readonly<Record<ClusterState, string>> = {
  healthy: "healthy",
  degraded: "degraded: commits go on, and less may fail",
  no_leader: "no leader: nothing is acknowledged",
};

const STYLE = `
:root { color-scheme: light dark; font: 15px/1.5 system-ui, sans-serif; }
body { margin: 2rem auto; max-width: 72rem; padding: 0 1rem; }
h1 { font-size: 1.3rem; margin: 0; }
.state { display: inline-block; padding: 0 .6rem; border-radius: .3rem; color: #fff; background: #777; }
.healthy { background: #1a7f37; } .degraded { background: #9a6700; } .no_leader, .stuck { background: #cf222e; }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 0 1.5rem; margin: 1rem 0; }
.facts dt { opacity: .7; } .facts dd { margin: 0; overflow-wrap: anywhere; }
.next { border-left: .3rem solid #cf222e; padding: .2rem .8rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; }
th, td { text-align: left; padding: .25rem .9rem .25rem 0; border-bottom: 1px solid #8884; vertical-align: top; }
td.n { font-variant-numeric: tabular-nums; white-space: nowrap; } footer { opacity: .7; margin-top: 1rem; }
`;

/** Without it the page is as good, and read again by the browser every two seconds. */
const SCRIPT = `
const main = document.querySelector("main");
const aside = document.querySelector("aside");
let answered = Date.now();
async function look() {
  try {
    const answer = await fetch("/ui", { signal: AbortSignal.timeout(3000) });
    const next = new DOMParser().parseFromString(await answer.text(), "text/html").querySelector("main");
    if (!answer.ok || next === null) throw new Error("no page");
    main.replaceChildren(...next.childNodes);
    answered = Date.now();
    aside.textContent = "";
  } catch {
    aside.textContent = "This node has not answered for " + Math.round((Date.now() - answered) / 1000) + " s: what is shown is old.";
  }
  setTimeout(look, 1000);
}
setTimeout(look, 1000);
`;

/** Nothing from elsewhere, no other script than this one, in nobody's frame. https://www.w3.org/TR/CSP3/ */
export const PAGE_HEADERS: Readonly<Record<string, string>> = {
  "content-security-policy": [
    "default-src 'none'",
    "style-src 'unsafe-inline'",
    `script-src 'sha256-${createHash("sha256").update(SCRIPT).digest("base64")}'`,
    "connect-src 'self'",
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join("; "),
  "x-content-type-options": "nosniff",
  "referrer-policy": "no-referrer",
};

export function pageOf(look: Look, page: Page): string {
  const body = look.kind === "stuck" ? stuck(look.reason) : clusterBody(look.view.cluster());
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>${text(page.cluster)} · Quorate</title>
<noscript><meta http-equiv="refresh" content="2"></noscript>
<style>${STYLE}</style>
</head>
<body>
<h1>${text(page.cluster)} <small>as ${text(page.self)} sees it</small></h1>
<aside role="status"></aside>
<main>${body}</main>
<footer>Quorate ${text(page.version)} · <a href="/cluster">cluster</a> · <a href="/history">history</a> · <a href="/metrics">metrics</a></footer>
<script>${SCRIPT}</script>
</body>
</html>
`;
}

function stuck(reason: string): string {
  return `<p><span class="state stuck">this sidecar hangs</span></p><p>${text(reason)}; what it knew may be long over.</p>`;
}

function clusterBody(status: Snapshot): string {
  const state = clusterState(status);
  const leads =
    status.leader === null ? "nobody" : `${status.leader}${status.established ? "" : ", not established yet"}`;
  const facts: readonly (readonly [string, string])[] = [
    ["leader", leads],
    ["term", String(status.term ?? "none yet")],
    ["policy", status.ruleset === null ? "none yet" : policyText(status.ruleset)],
    ["durable up to", status.quorum_lsn ?? "unknown here"],
    ["may fail now", setsText(status.survives)],
    ["connect", status.uri ?? "not yet"],
  ];
  return `
<p><span class="state ${state}">${STATE[state]}</span></p>
${blockedText(status)}
<dl class="facts">${facts.map(([name, value]) => `<dt>${name}</dt><dd>${text(value)}</dd>`).join("")}</dl>
<div class="wide"><table>
<thead><tr><th>node</th><th>role</th><th>Postgres</th><th>flushed</th><th>behind</th><th>heard</th><th></th></tr></thead>
<tbody>${status.nodes.map(rowOf).join("")}</tbody>
</table></div>`;
}

function policyText({ policy, cohort, decided }: NonNullable<Snapshot["ruleset"]>): string {
  const rule = typeof policy === "string" ? policy : JSON.stringify(policy);
  return `${rule} of ${cohort.join(", ")}${decided ? "" : ", not decided yet"}`;
}

function setsText(sets: readonly (readonly string[])[]): string {
  return sets.length === 0 ? "no node" : sets.map((set) => set.join(" and ")).join(", or ");
}

function blockedText({ blocked, paused }: Snapshot): string {
  if (blocked === null)
    return paused
      ? '<div class="next"><p>elections are paused: a leader that dies is not replaced</p><p>Next: quorate resume</p></div>'
      : "";
  return `<div class="next"><p>${text(blocked.reason)}</p><p>Next: ${text(blocked.next_step)}</p></div>`;
}

function rowOf(node: Snapshot["nodes"][number]): string {
  const behind = node.lag_bytes === null ? "" : `${node.lag_bytes} B`;
  const heard = node.seen_age_ms === null ? "never" : node.seen_age_ms === 0 ? "" : `${node.seen_age_ms} ms ago`;
  const streams = node.role === "follower" && node.streaming ? ", streams" : "";
  const percent = node.rejoin?.percent;
  const work = node.rejoin?.work;
  const from =
    work == null || typeof percent !== "number" ? "" : ` from ${work.source}, ${work.phase.replaceAll("_", " ")}`;
  const postgres = `${node.postgres ?? "unknown"}${typeof percent === "number" ? `, ${percent} %${from}` : ""}`;
  const cells = [node.id, `${node.role}${streams}`, postgres, node.flush_lsn ?? "", behind, heard, node.why_not ?? ""];
  return `<tr>${cells.map((cell) => `<td class="n">${text(cell)}</td>`).join("")}</tr>`;
}

/** Reasons and labels come from other machines. */
function text(value: string): string {
  return value.replace(/[&<>"']/g, (sign) => `&#${sign.charCodeAt(0)};`);
}
