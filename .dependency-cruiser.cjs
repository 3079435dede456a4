/**
 * Who may import whom (docs: "Who may import whom" in the design).
 * Every folder of src lists what it may see of src; anything else is an error,
 * so that a new folder needs a line here before it can be used.
 */
const MAY_IMPORT = {
  core: [],
  agent: ["core"],
  // What both the configuration and Postgres' command line hold a user's settings against.
  settings: [],
  postgres: ["core", "agent/ports", "settings"],
  // Certificates: who holds them, reading, making. What both the configuration and the transport need.
  tls: [],
  relay: ["core", "agent/ports"],
  transport: ["core", "agent/ports", "tls"],
  store: ["core", "agent/ports"],
  telemetry: ["core", "agent/ports"],
  config: ["core", "settings", "tls"],
  http: ["core", "telemetry", "agent/snapshot"],
  systemd: [],
  cli: ["core", "config", "telemetry", "tls", "transport/((admin|order|change)_)?client"],
  demo: ["config", "transport/(admin_)?client", "cli/(context|exit_codes|render|schemas)"],
};

/** A module of a folder may be one file or a folder of its own: agent/ports.ts or agent/ports/. */
const target = (module) => `^src/${module}(/|[.]ts$)`;

const folderRules = Object.entries(MAY_IMPORT).map(([folder, allowed]) => ({
  name: `${folder}-imports`,
  severity: "error",
  comment: `src/${folder} may import ${["itself", ...allowed].join(", ")} and nothing else of src`,
  from: { path: `^src/${folder}/` },
  to: { path: "^src/", pathNot: [folder, ...allowed].map(target) },
}));

module.exports = {
  forbidden: [
    ...folderRules,
    {
      name: "core-is-pure",
      severity: "error",
      comment: "src/core imports nothing from outside: no package and no Node module",
      from: { path: "^src/core/" },
      to: { pathNot: "^src/core/" },
    },
    {
      name: "sim-sees-core-and-agent",
      severity: "error",
      comment: "the simulator is another shell around the same core and loop: no adapter may creep in",
      from: { path: "^test/sim/" },
      to: { path: "^src/", pathNot: ["core", "agent"].map(target) },
    },
    {
      name: "unlisted-folder",
      severity: "error",
      comment: "a new folder of src needs a line in MAY_IMPORT",
      from: { path: "^src/[^/]+/", pathNot: Object.keys(MAY_IMPORT).map((folder) => `^src/${folder}/`) },
      to: {},
    },
    {
      name: "src-knows-no-tests",
      severity: "error",
      comment: "the program never depends on its tests or benches",
      from: { path: "^src/" },
      to: { path: "^(test|bench)/" },
    },
    {
      name: "no-cycles",
      severity: "error",
      from: { path: "^src/" },
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    { name: "resolvable", severity: "error", from: { path: "^(src|test|bench)/" }, to: { couldNotResolve: true } },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "node", "default", "types"],
      extensions: [".ts", ".js", ".json"],
    },
  },
};
