/**
 * The steps by which the cluster of a lab is made and changed, from outside its daemons: nodes started and removed,
 * networks and workloads made and removed. Each is the equivalent of one line of `ovl`, which `--dry-run` prints.
 */
import { unreachable } from "../../base/assert.ts"
import type { NetworkSpec } from "../../model/network.ts"
import { bare, type LabHost, type LabWorkload, type Topology } from "../topology.ts"

export type ClusterStep =
  | { do: "node-serve"; host: LabHost }
  | { do: "node-join"; host: LabHost; server: LabHost }
  | { do: "node-remove"; name: string }
  | { do: "network-create"; spec: NetworkSpec }
  | { do: "network-remove"; name: string }
  | { do: "workload-run"; workload: LabWorkload }
  | { do: "workload-remove"; name: string; host: string }

/** What a daemon is started with, less its directories. */
export function nodeArguments(topology: Topology, host: LabHost, server: LabHost): string[] {
  const identity = ["--name", host.name, "--advertise", bare(host.address)]
  if (host.name === server.name) return ["serve", "--kv-prefix", topology.kvPrefix, ...identity]
  const role = host.role === "server" ? ["--server"] : []
  return ["join", `${bare(server.address)}:8300`, ...role, ...identity]
}

/** `server` is the node that networks are asked of. */
export function renderClusterStep(topology: Topology, server: LabHost, step: ClusterStep): string {
  const on = (host: string, words: readonly string[]) =>
    `ovl lab exec --name ${topology.name} ${host} -- ovl ${words.map(shellWord).join(" ")}`
  switch (step.do) {
    case "node-serve":
      return on(step.host.name, nodeArguments(topology, step.host, step.host))
    case "node-join":
      return on(step.host.name, nodeArguments(topology, step.host, step.server))
    case "node-remove":
      return on(step.name, ["leave"])
    case "network-create":
      return on(server.name, ["network", "create", ...networkWords(step.spec)])
    case "network-remove":
      return on(server.name, ["network", "rm", step.name])
    case "workload-run":
      return on(step.workload.host, ["run", "-d", ...workloadWords(step.workload)])
    case "workload-remove":
      return on(step.host, ["rm", "--force", step.name])
    default:
      return unreachable(step)
  }
}

function networkWords(spec: NetworkSpec): string[] {
  const words = [spec.name]
  for (const { subnet, gateway } of spec.subnets ?? [])
    words.push("--subnet", subnet, ...(gateway === undefined ? [] : ["--gateway", gateway]))
  if (spec.ipRange !== undefined) words.push("--ip-range", spec.ipRange)
  if (spec.vni !== undefined) words.push("--vni", String(spec.vni))
  if (spec.mtu !== undefined) words.push("--mtu", String(spec.mtu))
  if (spec.internal) words.push("--internal")
  if (spec.multicast) words.push("--multicast")
  if (spec.allowSpoof) words.push("--allow-spoof")
  for (const [key, value] of Object.entries(spec.labels ?? {})) words.push("--label", `${key}=${value}`)
  return words
}

function workloadWords(workload: LabWorkload): string[] {
  const words = ["--network", workload.networks.join(","), "--name", workload.name]
  if (workload.address !== null) words.push("--ip", workload.address)
  if (workload.address6 !== null) words.push("--ip6", workload.address6)
  if (workload.mac !== null) words.push("--mac", workload.mac)
  if (workload.hostname !== null) words.push("--hostname", workload.hostname)
  for (const pair of workload.env) words.push("-e", pair)
  for (const port of workload.publish) words.push("-p", port)
  return workload.command.length === 0 ? words : [...words, "--", ...workload.command]
}

/** The word as a shell takes it. */
function shellWord(word: string): string {
  return /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", "'\\''")}'`
}
