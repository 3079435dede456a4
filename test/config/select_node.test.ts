import { describe, expect, test } from "vitest";
import type { ClusterConfig } from "../../src/config/cluster_config.js";
import { selectNode } from "../../src/config/select_node.js";

function cluster(...hosts: string[]): ClusterConfig {
  const nodes = hosts.map((host, i) => ({ id: `n${i + 1}`, host }));
  return { file: "quorate.yaml", nodes } as unknown as ClusterConfig;
}

const THREE = cluster("10.0.0.1", "db2.example", "10.0.0.3");

describe("which node this host is", () => {
  test("the flag wins over the environment, which wins over the address", () => {
    const hints = { flag: "n3", env: "n1", hosts: ["DB2.example"] };
    expect(selectNode(THREE, hints)).toMatchObject({ node: { id: "n3" } });
    expect(selectNode(THREE, { ...hints, flag: undefined })).toMatchObject({ node: { id: "n1" } });
    expect(selectNode(THREE, { hosts: hints.hosts })).toMatchObject({ node: { id: "n2" } });
  });

  test.each([
    [
      "an unknown --node",
      { flag: "n9", hosts: [] },
      /^--node: quorate.yaml has no node "n9"; choose one of n1, n2, n3/,
    ],
    ["an unknown QUORATE_NODE", { env: "n9", hosts: [] }, /^QUORATE_NODE: .*choose one of/],
    [
      "a host that is none of them",
      { hosts: ["10.9.9.9"] },
      /no node .* of this host; say which one it is: n1, n2, n3/,
    ],
  ])("%s is refused", (_what, hints, printed) => {
    const selection = selectNode(THREE, hints);
    expect(selection.kind === "refused" && selection.message).toMatch(printed);
  });

  test("several nodes on one host have to be told apart", () => {
    const selection = selectNode(cluster("127.0.0.1", "127.0.0.1"), { hosts: [] });
    expect(selection.kind === "refused" && selection.message).toMatch(/n1, n2 are all on this host; say which/);
  });
});
