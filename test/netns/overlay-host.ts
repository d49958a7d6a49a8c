/**
 * One host of the two-host tests: a process in network and mount namespaces of its own, as a daemon would be. It reads
 * commands from stdin, a line of JSON each, and answers each with a line.
 */
import { asOvlError } from "../../src/base/errors.ts"
import { LinuxKernel } from "../../src/kernel/linux.ts"
import { type ObservedInterface, hiddenNamespace } from "../../src/model/dataplane.ts"
import type { EndpointRecord } from "../../src/model/endpoint.ts"
import type { NetworkRecord } from "../../src/model/network.ts"
import type { NodeRecord } from "../../src/model/node.ts"
import { renderPlan } from "../../src/model/operation.ts"
import { desiredEgress, desiredFirewall, desiredNetwork } from "../../src/overlay/desired.ts"
import { chooseEgressAddress } from "../../src/overlay/egress.ts"
import { catalogOf } from "../../src/overlay/fixture.ts"
import { planEgress, planNetwork } from "../../src/overlay/plan.ts"

export interface ClusterParts {
  nodes: NodeRecord[]
  networks: NetworkRecord[]
  endpoints: EndpointRecord[]
}

export type HostCommand =
  | { do: "reconcile"; nodeId: string; parts: ClusterParts }
  | { do: "shell"; command: string }
  | { do: "workload"; path: string }
  | { do: "removeWorkload"; path: string }
  | { do: "purge" }
  | { do: "inventory" }

export type HostAnswer = { ok: true; value: string } | { ok: false; code: string; message: string }

const kernel = new LinuxKernel({ stateFile: "/run/ovl/kernel.json" })

/** As the agent does it; the answer is what had to be done, as text. */
function reconcile(nodeId: string, parts: ClusterParts): string {
  const catalog = catalogOf(parts)
  const view = { nodeId }
  const states = parts.networks.map((network) => desiredNetwork(catalog, view, network.id))
  const facts = kernel.hostFacts()
  const observed = kernel.observeEgress()
  const address = chooseEgressAddress(facts, catalog, observed?.bridge.addresses[0] ?? null)
  const egress = desiredEgress(catalog, view, address, facts)
  const rules = desiredFirewall(
    catalog,
    states.some((state) => state !== null),
    egress,
    facts,
  )
  let text = ""
  if (egress !== null || rules.vxlan !== null) text += kernel.applyFirewall(rules) ? "iptables-restore\n" : ""
  const look = (ports: ReadonlyMap<string, { workload: { netns: string; ifname: string } }>) =>
    new Map<string, ObservedInterface | null>(
      [...ports].map(([id, { workload }]) => [id, kernel.observeInterface(workload.netns, workload.ifname)]),
    )
  const plans = parts.networks.map((network, i) => {
    const state = states[i] ?? null
    return planNetwork(state, kernel.observeNetwork(hiddenNamespace(network.id)), look(state?.ports ?? new Map()))
  })
  plans.push(planEgress(egress, observed, facts, look(egress?.ports ?? new Map())))
  for (const plan of plans) {
    kernel.apply(plan, "best-effort")
    text += renderPlan(plan)
  }
  if (egress === null && rules.vxlan === null) text += kernel.applyFirewall(rules) ? "iptables-restore\n" : ""
  return text
}

function carryOut(command: HostCommand): string {
  switch (command.do) {
    case "reconcile":
      return reconcile(command.nodeId, command.parts)
    case "shell": {
      const done = Bun.spawnSync(["bash", "-c", command.command], { stdin: "ignore", stdout: "pipe", stderr: "pipe" })
      return done.stdout.toString() + done.stderr.toString()
    }
    case "workload":
      kernel.apply([{ op: "netns-add", ns: command.path }], "all-or-nothing")
      return ""
    case "removeWorkload":
      kernel.apply([{ op: "netns-del", ns: command.path }], "best-effort")
      return ""
    case "purge":
      return kernel.purge().join("\n")
    case "inventory":
      return JSON.stringify(kernel.inventory())
  }
}

if (import.meta.main) {
  for await (const line of console) {
    let answer: HostAnswer
    try {
      answer = { ok: true, value: carryOut(JSON.parse(line) as HostCommand) }
    } catch (error) {
      const { code, message } = asOvlError(error)
      answer = { ok: false, code, message }
    }
    process.stdout.write(`${JSON.stringify(answer)}\n`)
  }
}
