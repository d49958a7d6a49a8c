/**
 * `ovl lab up --dry-run`: what would be done, as the lines that an engineer would type, and nothing of it done. It looks
 * at what is there as `up` does where it may; without root the plan is for a lab from nothing.
 */
import { existsSync } from "node:fs"
import { type NodePlan, planCluster, planNodes } from "./cluster/plan.ts"
import { type ClusterStep, renderClusterStep } from "./cluster/steps.ts"
import { forecast } from "./forecast.ts"
import { refuseInside } from "./lock.ts"
import { LAB_RUN_ROOT, LabPlaces, SWITCH } from "./places.ts"
import type { LabState } from "./state-record.ts"
import type { Topology } from "./topology.ts"
import { lookAround, NOTHING_THERE } from "./present.ts"
import { type ObservedUnderlay, planApart, planUnderlay } from "./underlay/plan.ts"
import { renderStep } from "./underlay/steps.ts"
import { wantedUnderlay } from "./underlay/wanted.ts"

export interface DryRun {
  /** Steps of the lab itself; 0 where all is as the file says. */
  changes: number
  lines: string[]
  /** For people, beside the plan. */
  remarks: string[]
}

/** Errors: lab_differs, lab_network_in_use (conflict), lab_inside: what `up` would refuse too. */
export async function dryRun(topology: Topology, isRoot: boolean): Promise<DryRun> {
  refuseInside()
  const present = isRoot ? await lookAround(new LabPlaces(topology.name)) : NOTHING_THERE
  const nodes = planNodes(present.before, topology)
  const gone = new Set(nodes.removed.map((node) => node.name))
  const underlay = without(present.underlay, gone)
  const wanted = wantedUnderlay(topology)
  const build = planUnderlay(wanted, underlay)
  const apart = planApart(wanted, underlay)
  const start = nodeSteps(topology, nodes, new Set([...present.running].filter((name) => !gone.has(name))))
  const cluster = planCluster(present.before, topology, present.live, nodes.removed)
  const render = (step: ClusterStep) => renderClusterStep(topology, nodes.server, step)
  const unplug = (name: string) => [
    `ip -n ${topology.name}.${SWITCH} link del ${name}`,
    `ip netns del ${topology.name}.${name}`,
  ]
  // The outside under an earlier name.
  const strays = [...underlay.stations.keys()].filter((name) => !wanted.stations.some((each) => each.name === name))
  const leave = [
    ...nodes.removed.flatMap(({ name }) => [render({ do: "node-remove", name }), ...unplug(name)]),
    ...strays.flatMap(unplug),
  ]
  const lines = [
    ...section("Hosts that leave", leave),
    ...section(
      "Hosts and cables",
      build.flatMap((step) => renderStep(topology.name, step)),
    ),
    ...section("Nodes", start.map(render)),
    ...section("Networks and workloads", cluster.map(render)),
    ...(cluster.length > 0 ? kernelSections(topology, present.before) : []),
    ...section(
      "What keeps hosts apart",
      apart.flatMap((step) => renderStep(topology.name, step)),
    ),
  ]
  const changes = leave.length + build.length + start.length + cluster.length + apart.length
  return { changes, lines, remarks: remarksOf(topology, changes, isRoot) }
}

function section(title: string, lines: readonly string[]): string[] {
  return lines.length === 0 ? [] : [`# ${title}`, ...lines]
}

function remarksOf({ name }: Topology, changes: number, isRoot: boolean): string[] {
  if (changes === 0) return [`lab ${name} is as its file says: nothing to do`]
  if (!isRoot && existsSync(LAB_RUN_ROOT))
    return ["what is up cannot be seen without root: this is the plan for a lab from nothing"]
  return []
}

/** A node that leaves takes its namespace and its cable with it. */
function without(observed: ObservedUnderlay, gone: ReadonlySet<string>): ObservedUnderlay {
  const stays = <T>(map: ReadonlyMap<string, T>) => new Map([...map].filter(([name]) => !gone.has(name)))
  return {
    ...observed,
    switch: observed.switch && { ...observed.switch, ports: stays(observed.switch.ports) },
    stations: stays(observed.stations),
  }
}

function nodeSteps({ hosts }: Topology, { server }: NodePlan, running: ReadonlySet<string>): ClusterStep[] {
  return hosts
    .filter((host) => !running.has(host.name))
    .map((host) => (host.name === server.name ? { do: "node-serve", host } : { do: "node-join", host, server }))
}

/** Of a lab that is up, what is new. */
function kernelSections(topology: Topology, before: LabState | null): string[] {
  const known = before === null ? new Map<string, string[]>() : forecast(before.topology)
  return [...forecast(topology)].flatMap(([host, lines]) => {
    const old = new Set(known.get(host))
    const fresh = lines.filter((line) => !old.has(line))
    return section(
      `On ${host}, by its daemon: what will be new there (ids, and what follows from them, will be others)`,
      fresh,
    )
  })
}
