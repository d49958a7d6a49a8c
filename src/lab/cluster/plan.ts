/**
 * From what was made for a lab, and what is there, to what its file says: which nodes go, which networks and workloads
 * are made, changed and removed. Pure. What cannot be changed in place is made anew where nobody else's things hang on
 * it, and refused with words where they do.
 */
import { OvlError } from "../../base/errors.ts"
import { endpointName } from "../../model/names.ts"
import { type LabState, type OwnNode, ownNetworks, ownWorkloads } from "../state-record.ts"
import { firstServer, type LabHost, type LabWorkload, type Topology } from "../topology.ts"
import type { ClusterStep } from "./steps.ts"

/** What the daemons say. */
export interface LiveCluster {
  networks: readonly string[]
  endpoints: readonly { name: string; network: string; node: string }[]
  /** Of each node whose daemon answers. */
  workloads: ReadonlyMap<string, readonly { name: string; isRunning: boolean }[]>
}

export const NO_CLUSTER: LiveCluster = { networks: [], endpoints: [], workloads: new Map() }

export interface NodePlan {
  /** Nodes that leave; one that changed comes back as a new one. */
  removed: OwnNode[]
  /** Those of the file that stay as they are, or are all there is. */
  kept: LabHost[]
  /** The one that the others join. */
  server: LabHost
}

/** Errors: lab_differs (conflict) where the cluster itself would have to be another one. */
export function planNodes(before: LabState | null, wanted: Topology): NodePlan {
  if (before === null) return { removed: [], kept: wanted.hosts, server: firstServer(wanted) }
  refuseOtherCluster(before.topology, wanted)
  const isSame = (own: OwnNode) =>
    wanted.hosts.some(({ name, address, role }) => name === own.name && address === own.address && role === own.role)
  const removed = before.nodes.filter((own) => !isSame(own))
  const names = new Set(before.nodes.filter(isSame).map((own) => own.name))
  const kept = wanted.hosts.filter((host) => names.has(host.name))
  const server = kept.find((host) => host.role === "server")
  if (server) return { removed, kept, server }
  if (before.nodes.length === 0) return { removed, kept, server: firstServer(wanted) }
  throw noServerStays(before.nodes, wanted)
}

/** A cluster lives on in its servers: what becomes of each of them is said, and how one of them stays. */
function noServerStays(nodes: readonly OwnNode[], { name, hosts }: Topology): OvlError {
  const servers = nodes.filter((own) => own.role === "server")
  const fates = servers.map((own) => {
    const host = hosts.find((each) => each.name === own.name)
    if (!host) return `${own.name} is gone`
    return host.role === "client" ? `${own.name} is a client` : `${own.name} has another address`
  })
  const demoted = servers.find((own) => hosts.some((host) => host.name === own.name && host.role === "client"))
  const why = `none of its servers would stay as it is: in the file ${fates.join(", ")}`
  const marked = "only where no node is marked `role: server` the first is one"
  return differs(name, why, demoted && `mark ${demoted.name} with \`role: server\` too: ${marked}`)
}

function refuseOtherCluster(before: Topology, wanted: Topology): void {
  if (before.kvPrefix !== wanted.kvPrefix)
    throw differs(wanted.name, `its kv-prefix is ${before.kvPrefix}, and cannot become ${wanted.kvPrefix}`)
  if (before.underlay.subnet !== wanted.underlay.subnet)
    throw differs(wanted.name, `its underlay is ${before.underlay.subnet}, and cannot become ${wanted.underlay.subnet}`)
}

/** `instead`: what else may be meant. */
function differs(lab: string, why: string, instead?: string): OvlError {
  const otherwise = `\`ovl lab down --name ${lab}\` first, or give this one another name with --name`
  return new OvlError("lab_differs", `lab ${lab} is up and cannot be changed to this: ${why}`, {
    kind: "conflict",
    hint: instead === undefined ? otherwise : `${instead}; or ${otherwise}`,
  })
}

/**
 * Networks and workloads: first what goes, then what comes. Errors: lab_network_in_use (conflict) where a network that
 * must go or change has endpoints that are not the lab's.
 */
export function planCluster(
  before: LabState | null,
  wanted: Topology,
  live: LiveCluster,
  gone: OwnNode[],
): ClusterStep[] {
  const leaving = new Set(gone.map((node) => node.name))
  const outdated = outdatedNetworks(before, wanted, live)
  for (const network of outdated) refuseStrangers(network, before, wanted, live)
  const removals = workloadRemovals(before, wanted, live, outdated, leaving)
  const removed = new Set(removals.map((step) => step.name))
  const networks = wanted.networks.filter(({ name }) => !live.networks.includes(name) || outdated.includes(name))
  const runs = wanted.workloads.filter(({ name, host }) => {
    return removed.has(name) || leaving.has(host) || !workloadsOn(live, host).some((each) => each.name === name)
  })
  return [
    ...removals.map(({ name, host }): ClusterStep => ({ do: "workload-remove", name, host })),
    ...outdated.map((name): ClusterStep => ({ do: "network-remove", name })),
    ...networks.map((spec): ClusterStep => ({ do: "network-create", spec })),
    ...runs.map((workload): ClusterStep => ({ do: "workload-run", workload })),
  ]
}

function workloadsOn(live: LiveCluster, host: string) {
  return live.workloads.get(host) ?? []
}

/** Those of the lab that the file no longer has, or has otherwise. */
function outdatedNetworks(before: LabState | null, wanted: Topology, live: LiveCluster): string[] {
  const asked = new Map(ownNetworks(wanted).map((each) => [each.name, each.asked]))
  return (before?.networks ?? [])
    .filter((own) => live.networks.includes(own.name) && asked.get(own.name) !== own.asked)
    .map((own) => own.name)
}

function refuseStrangers(network: string, before: LabState | null, wanted: Topology, live: LiveCluster): void {
  const earlier = (before?.workloads ?? []).map((each) => JSON.parse(each.asked) as LabWorkload)
  const own = [...earlier, ...wanted.workloads].flatMap(({ name, networks }) =>
    networks.map((each, at) => endpointName(name, each, at === 0)),
  )
  const strangers = live.endpoints.filter((each) => each.network === network && !own.includes(each.name))
  if (strangers.length === 0) return
  const verb = wanted.networks.some((each) => each.name === network) ? "changed" : "removed"
  const names = strangers.map((each) => each.name).join(", ")
  const why = `the file does not know ${names}, which ${strangers.length > 1 ? "are" : "is"} on it`
  throw new OvlError("lab_network_in_use", `lab ${wanted.name}: network ${network} cannot be ${verb}: ${why}`, {
    kind: "conflict",
    hint: `take it off: \`ovl lab exec --name ${wanted.name} ${strangers[0]!.node} -- ovl rm --force ${strangers[0]!.name}\``,
  })
}

/** Those that the file no longer has or has otherwise, that have ended, or that hang on a network that goes. */
function workloadRemovals(
  before: LabState | null,
  wanted: Topology,
  live: LiveCluster,
  outdated: string[],
  leaving: ReadonlySet<string>,
): { name: string; host: string }[] {
  const asked = new Map(ownWorkloads(wanted).map((each) => [each.name, each.asked]))
  const owned = new Map((before?.workloads ?? []).map((each) => [each.name, each]))
  const mine = new Set([...asked.keys(), ...owned.keys()])
  const removals: { name: string; host: string }[] = []
  for (const [host, workloads] of live.workloads) {
    if (leaving.has(host)) continue
    for (const { name, isRunning } of workloads) {
      if (!mine.has(name)) continue
      const own = owned.get(name)
      const workload = wanted.workloads.find((each) => each.name === name && each.host === host)
      const isRight =
        workload !== undefined &&
        isRunning &&
        (own === undefined || own.asked === asked.get(name)) &&
        isAttached(workload, host, live) &&
        !workload.networks.some((network) => outdated.includes(network))
      if (!isRight) removals.push({ name, host })
    }
  }
  return removals
}

/** A node that joined anew has its workloads still, but the cluster has forgotten their endpoints. */
function isAttached(workload: Topology["workloads"][number], host: string, live: LiveCluster): boolean {
  return workload.networks.every((network, at) => {
    const name = endpointName(workload.name, network, at === 0)
    return live.endpoints.some((each) => each.name === name && each.network === network && each.node === host)
  })
}
