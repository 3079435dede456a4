import { cohortShape } from "../../../src/cli/cohort_schema.js";
import type { TestCluster } from "./cluster.js";
import { quorate } from "./command.js";

/** `quorate join` or `remove` of this node, as a person would run it. */
export async function order(cluster: TestCluster, verb: "join" | "remove", id: string, by = id) {
  const { code, stdout, stderr } = await quorate([verb, id, "-c", cluster.configOf(by), "-o", "json", "--wait", "5s"]);
  if (stdout === "") throw new Error(`quorate ${verb} ${id} ended with ${code}: ${stderr}`);
  return { code, ...cohortShape.parse(JSON.parse(stdout)) };
}
