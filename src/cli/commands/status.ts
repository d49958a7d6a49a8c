import type { StatusView } from "../../model/node.ts"
import { defineCommand } from "../command.ts"
import { DEGRADED } from "../exit-status.ts"
import type { Style } from "../render/style.ts"
import { ago, count, facts, visible } from "../render/text.ts"

export const status = defineCommand({
  path: ["status"],
  task: "Look closer",
  summary: "Health of this node and its cluster, then the facts",
  details:
    "Exits 0 when all is well, 7 when degraded and 6 when no daemon answers, so that a script can tell; `ovl wait` waits for it.",
  examples: [
    { what: "Is all well here?", line: "ovl status" },
    { what: "In a script: look closer where something is wrong", line: "ovl status >/dev/null || ovl doctor" },
  ],
  options: {},
  arguments: {},
  async run(context) {
    const view = await (await context.client()).status()
    context.answer(view, () => statusText(view, context.style, context.now()))
    return view.health === "ok" ? 0 : DEGRADED
  },
})

/** Health first, then what to do about it, then facts. */
export function statusText(view: StatusView, style: Style, nowMs: number): string {
  const { node, cluster, kernel } = view
  const lines: [string, string][] = [["health", view.health === "ok" ? style.good("ok") : style.bad("degraded")]]
  for (const problem of view.problems) {
    lines.push([problem.level === "warning" ? "warning" : "problem", `${problem.code}: ${visible(problem.message)}`])
    if (problem.hint !== "") lines.push(["", `hint: ${visible(problem.hint)}`])
  }
  const learner = node.role === "server" && !node.voter ? "no vote yet" : ""
  const roles = [node.role, node.leader ? "leader" : learner].filter((role) => role !== "").join(", ")
  const reconciled = kernel.lastReconcile === null ? "never looked at" : `looked at ${ago(kernel.lastReconcile, nowMs)}`
  const inSync = kernel.inSync ? "in sync" : style.bad("not in sync")
  lines.push(
    ["node", `${node.name} (${roles}) at ${node.address}, ovl ${node.version}`],
    ["cluster", `${cluster.id}: ${count(cluster.nodes, "node")}, ${count(cluster.servers, "server")}`],
    ["leader", `${cluster.leader ?? style.bad("none known")}, term ${cluster.term}, index ${cluster.index}`],
    ["networks", String(view.networks)],
    ["endpoints", String(view.endpoints)],
    ["kernel", `${inSync}, ${reconciled}, ${count(kernel.repairs, "repair")}`],
  )
  return facts(lines)
}
