/**
 * Nothing crosses between networks: not by address, not by MAC, and not by VXLAN that somebody forges. Every word that
 * must not arrive is sent together with one that must, by the same way, so that a deaf check does not pass.
 */
import { VXLAN_PORT } from "../../base/limits.ts"
import type { Check, Findings } from "./check.ts"
import { BROADCAST_MAC, udpFrame, vxlanPayload } from "./frames.ts"
import { PROBE_PORT, sendDatagrams } from "./probe.ts"
import { plainPart, type Scene, type SceneHost, type SceneWorkload, siblings, strangers } from "./scene.ts"
import { newMarks, type Tap, Taps } from "./tap.ts"
import { areConnected } from "../topology.ts"

type Marks = (name: string) => string
type Doors = Map<SceneWorkload, Tap>

/** Nothing can cross where there are not two networks with two workloads in touch. */
export function isolationChecks(whole: Scene): Check[] {
  const scene = plainPart(whole)
  const networks = new Set(scene.workloads.map((each) => each.network.id))
  const inTouch = scene.workloads.some((each) => siblings(scene, each).length > 0)
  const forged = { name: "forged VXLAN is dropped", look: (findings: Findings) => byForgery(scene, findings) }
  if (networks.size < 2 || !inTouch) return scene.workloads.length > 0 ? [forged] : []
  return [
    { name: "nothing crosses by address", look: (findings) => byAddress(scene, findings) },
    { name: "nothing crosses by MAC", look: (findings) => byMac(scene, findings) },
    forged,
  ]
}

function openDoors(scene: Scene, taps: Taps): Doors {
  return new Map(scene.workloads.map((each) => [each, taps.open(each.name, each.netns, each.endpoint.ifname)] as const))
}

const nameOf = (from: { name: string }, to: { name: string }) => `${from.name}>${to.name}`

/** Datagrams sent the ordinary way. An address that both networks have leads to the sender's own. */
async function byAddress(scene: Scene, findings: Findings): Promise<void> {
  using taps = new Taps()
  const doors = openDoors(scene, taps)
  const mark = newMarks("address")
  for (const from of scene.workloads) {
    const targets = [...strangers(scene, from), ...siblings(scene, from)]
    await sendDatagrams(
      from.netns,
      targets.map((to) => ({ address: to.ip, port: PROBE_PORT, data: mark(nameOf(from, to)) })),
    )
  }
  await taps.watch(() => siblingsHeard(scene, doors, mark))
  for (const from of scene.workloads) {
    report(scene, doors, mark, from, (to) => `${from.name} sent to ${to.ip}`, findings)
  }
}

/** Frames made by hand: another network's MAC, and broadcast. */
async function byMac(scene: Scene, findings: Findings): Promise<void> {
  using taps = new Taps()
  const doors = openDoors(scene, taps)
  const mark = newMarks("mac")
  const everybody = { name: "all" }
  const send = (from: SceneWorkload, mac: string, ip: string, name: string) => {
    const addresses = { sourceMac: from.mac, source: from.ip, mac, destination: ip }
    doors.get(from)!.send(udpFrame({ ...addresses, port: PROBE_PORT, text: mark(name) }))
  }
  for (const from of scene.workloads) {
    send(from, BROADCAST_MAC, "255.255.255.255", nameOf(from, everybody))
    for (const to of strangers(scene, from)) send(from, to.mac, to.ip, nameOf(from, to))
    for (const to of siblings(scene, from)) send(from, to.mac, to.ip, nameOf(from, to))
  }
  await taps.watch(() => siblingsHeard(scene, doors, mark))
  for (const from of scene.workloads) {
    report(scene, doors, mark, from, (to) => `${from.name} sent a frame to ${to.mac}`, findings)
    const heard = strangers(scene, from).filter((to) => doors.get(to)!.received(mark(nameOf(from, everybody))))
    for (const to of heard) findings.wrong(`a broadcast of ${from.name} (${from.network.name}) came to ${to.name}`)
  }
}

function siblingsHeard(scene: Scene, doors: Doors, mark: Marks): boolean {
  return scene.workloads.every((from) =>
    siblings(scene, from).every((to) => doors.get(to)!.received(mark(nameOf(from, to)))),
  )
}

/** What was sent to siblings must have come to them, and nothing at all to anybody of another network. */
function report(
  scene: Scene,
  doors: Doors,
  mark: Marks,
  from: SceneWorkload,
  deed: (to: SceneWorkload) => string,
  findings: Findings,
): void {
  const apart = strangers(scene, from)
  const sent = [...siblings(scene, from), ...apart].map((to) => mark(nameOf(from, to)))
  const crossed = apart.filter((to) => sent.some((each) => doors.get(to)!.received(each)))
  for (const to of crossed)
    findings.wrong(`${from.name} (${from.network.name}) came through to ${to.name} (${to.network.name})`)
  for (const to of siblings(scene, from)) {
    const came = doors.get(to)!.received(mark(nameOf(from, to)))
    const not = apart.map((each) => each.name).join(", ")
    if (!came) findings.wrong(`${deed(to)}: ${to.name} did not get it`)
    else if (crossed.length === 0) findings.seen(`${deed(to)}: ${to.name} got it, ${not} did not`)
  }
}

/**
 * VXLAN with the VNI of another network, written by a workload or by the outside and sent to each node. The same from
 * another node is let in: it is a member.
 */
async function byForgery(scene: Scene, findings: Findings): Promise<void> {
  using taps = new Taps()
  const doors = openDoors(scene, taps)
  const mark = newMarks("forged")
  const forge = (by: string, to: SceneWorkload) => {
    const source = siblings(scene, to)[0] ?? to
    const addresses = { sourceMac: source.mac, source: source.ip, mac: to.mac, destination: to.ip }
    const inner = udpFrame({ ...addresses, port: PROBE_PORT, text: mark(`${by}>${to.name}`) })
    return { address: to.host.vtep, port: VXLAN_PORT, data: vxlanPayload(to.network.vni, inner) }
  }
  const forgers = [
    ...scene.workloads.map((from) => ({ name: from.name, netns: from.netns, targets: strangers(scene, from) })),
    { name: scene.outside.name, netns: scene.outside.netns, targets: scene.workloads },
  ]
  const members = scene.hosts.map((host) => {
    return { name: host.name, netns: host.netns, targets: othersInTouch(scene, host) }
  })
  for (const { name, netns, targets } of [...forgers, ...members])
    await sendDatagrams(
      netns,
      targets.map((to) => forge(name, to)),
    )
  const heard = (by: string, to: SceneWorkload) => doors.get(to)!.received(mark(`${by}>${to.name}`))
  await taps.watch(() => members.every(({ name, targets }) => targets.every((to) => heard(name, to))))
  for (const { name, targets } of members)
    for (const to of targets)
      findings.expect(heard(name, to), `from node ${name}: in at ${to.name}`, `from node ${name}: not in at ${to.name}`)
  for (const { name, targets } of forgers.filter((forger) => forger.targets.length > 0)) {
    const reached = targets.filter((to) => heard(name, to)).map((to) => to.name)
    const whom = targets.map((to) => to.name).join(", ")
    findings.expect(
      reached.length === 0,
      `from ${name} with the VNI of ${whom}: dropped`,
      `from ${name}: came through to ${reached.join(", ")}`,
    )
  }
}

function othersInTouch({ workloads, topology }: Scene, host: SceneHost): SceneWorkload[] {
  return workloads.filter((to) => to.host !== host && areConnected(topology, to.host.name, host.name))
}
