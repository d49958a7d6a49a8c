/**
 * Everybody asks everybody of the same network, once, with cold neighbour caches, while all that passes is recorded: at
 * every workload and on the underlay. What was answered and what was on the wire is then read off the record.
 */
import { LAB_ANSWER_TIMEOUT_MS, VXLAN_PORT } from "../../base/limits.ts"
import { PROBE_VNI } from "../../model/probe-packet.ts"
import { link, NetlinkSocket, neigh } from "../../netlink/index.ts"
import { HOST_LINK } from "../underlay/wanted.ts"
import type { Check, Findings } from "./check.ts"
import { type ArpMessage, isGroupMac, parseArp, parseFrame, parseVxlan, type VxlanFrame } from "./frames.ts"
import { type Answer, ask } from "./probe.ts"
import { plainPart, type Scene, type SceneHost, type SceneWorkload, siblings } from "./scene.ts"
import { hasMark, newMarks, type Tap, Taps } from "./tap.ts"

interface Exchange {
  from: SceneWorkload
  to: SceneWorkload
  mark: string
  answer: Answer | null
}

interface OnWire {
  host: SceneHost
  vxlan: { frame: VxlanFrame; bytes: Uint8Array }[]
  /** ARP of the underlay itself: not inside VXLAN. */
  arp: ArpMessage[]
}

interface Recording {
  exchanges: Exchange[]
  wires: OnWire[]
  /** ARP at each workload's own interface. */
  arp: Map<SceneWorkload, { outgoing: boolean; message: ArpMessage }[]>
}

/** The recording is made when the first of these checks runs: nothing else should be going on then. */
export function wireChecks(whole: Scene): Check[] {
  const scene = plainPart(whole)
  const pairs = scene.workloads.flatMap((from) => siblings(scene, from).map((to) => ({ from, to })))
  const names = new Set(pairs.map(({ from }) => from.network.name))
  const crossing = pairs.some(({ from, to }) => from.host !== to.host)
  const networksOf = (ip: string) => new Set(pairs.filter(({ to }) => to.ip === ip).map(({ to }) => to.network.id))
  const shared = pairs.some(({ to }) => networksOf(to.ip).size > 1)
  let recording: Promise<Recording> | undefined
  const look = (read: (recording: Recording, findings: Findings) => void) => async (findings: Findings) => {
    recording ??= record(scene)
    read(await recording, findings)
  }
  const checks: Check[] = scene.topology.networks
    .filter(({ name }) => names.has(name))
    .map(({ name }) => ({
      name: `${name}: all pairs reach each other`,
      look: look((record, findings) => reach(record, name, findings)),
    }))
  if (shared) checks.push({ name: "the same address is another workload in each network", look: look(sameAddress) })
  if (!crossing) return checks
  return [
    ...checks,
    { name: "no ARP and no broadcast on the wire", look: look((record, findings) => quiet(scene, record, findings)) },
    { name: "VXLAN on the underlay", look: look((record, findings) => encapsulated(scene, record, findings)) },
  ]
}

/** Whether the exchange passes this wire. */
function passes({ from, to }: Pick<Exchange, "from" | "to">, host: SceneHost): boolean {
  return from.host !== to.host && (from.host === host || to.host === host)
}

async function record(scene: Scene): Promise<Recording> {
  using taps = new Taps()
  const wires = scene.hosts.map((host) => ({ host, tap: taps.open(host.name, host.netns, HOST_LINK) }))
  const doors = scene.workloads.map((workload) => {
    return { workload, tap: taps.open(workload.name, workload.netns, workload.endpoint.ifname) }
  })
  for (const workload of scene.workloads) forgetNeighbours(workload)
  const mark = newMarks("wire")
  const exchanges = await Promise.all(
    scene.workloads.flatMap((from) => siblings(scene, from).map((to) => exchange(from, to, mark))),
  )
  const crossings = exchanges.filter(({ from, to }) => from.host !== to.host)
  await taps.watch(() =>
    crossings.every((each) => wires.every(({ host, tap }) => !passes(each, host) || tap.passed(each.mark))),
  )
  return {
    exchanges,
    wires: wires.map(({ host, tap }) => ({ host, ...readWire(tap) })),
    arp: new Map(doors.map(({ workload, tap }) => [workload, readArp(tap)])),
  }
}

/** Then the next question needs an answer to "who has", and the check sees where that is answered. */
function forgetNeighbours(workload: SceneWorkload): void {
  using socket = NetlinkSocket.open({ namespace: workload.netns })
  const index = link.indexOf(socket, workload.endpoint.ifname)
  if (index === null) return
  const batch = socket.batch()
  for (const row of neigh.list(socket, { index })) {
    if (row.state !== "permanent" && row.state !== "noarp") neigh.del(batch, { index, ip: row.ip })
  }
  // One that the kernel drops by itself in between is gone as well.
  batch.send()
}

async function exchange(from: SceneWorkload, to: SceneWorkload, marks: (name: string) => string): Promise<Exchange> {
  const mark = marks(`${from.name}>${to.name}`)
  return { from, to, mark, answer: await ask(from.netns, to.ip, mark, LAB_ANSWER_TIMEOUT_MS) }
}

function readWire(tap: Tap): Omit<OnWire, "host"> {
  const vxlan: OnWire["vxlan"] = []
  const arp: ArpMessage[] = []
  for (const { bytes } of tap.frames) {
    const frame = parseVxlan(bytes, VXLAN_PORT)
    // Nodes probe each other on the same port, under a VNI that is nobody's.
    if (frame && frame.vni !== PROBE_VNI) vxlan.push({ frame, bytes })
    const message = arpIn(bytes)
    if (message) arp.push(message)
  }
  return { vxlan, arp }
}

function readArp(tap: Tap): { outgoing: boolean; message: ArpMessage }[] {
  return tap.frames.flatMap(({ outgoing, bytes }) => {
    const message = arpIn(bytes)
    return message ? [{ outgoing, message }] : []
  })
}

function arpIn(bytes: Uint8Array): ArpMessage | null {
  const frame = parseFrame(bytes)
  return frame && parseArp(frame)
}

function reach(recording: Recording, network: string, findings: Findings): void {
  for (const { from, to, answer } of recording.exchanges) {
    if (from.network.name !== network) continue
    const question = `${from.name} (${from.ip}) to ${to.ip}`
    if (!answer) findings.wrong(`${question}: no answer`)
    else {
      const asExpected = answer.name === to.name && answer.seen === from.ip
      findings.expect(asExpected, `${question}: ${to.name}`, `${question}: ${answer.name}, which saw ${answer.seen}`)
    }
  }
}

function sameAddress(recording: Recording, findings: Findings): void {
  const answers = new Map<string, Map<string, string>>()
  for (const { from, to, answer } of recording.exchanges) {
    const byNetwork = answers.get(to.ip) ?? new Map<string, string>()
    byNetwork.set(from.network.name, answer?.name ?? "nobody")
    answers.set(to.ip, byNetwork)
  }
  for (const [address, byNetwork] of answers) {
    if (byNetwork.size < 2) continue
    const fact = `${address}: ${[...byNetwork].map(([network, name]) => `${name} in ${network}`).join(", ")}`
    const names = new Set(byNetwork.values())
    findings.expect(names.size === byNetwork.size && !names.has("nobody"), fact, fact)
  }
}

function quiet(scene: Scene, recording: Recording, findings: Findings): void {
  for (const [workload, seen] of recording.arp) {
    // One on the same node may have told its own MAC by asking first.
    for (const to of siblings(scene, workload).filter((each) => each.host !== workload.host)) {
      const asked = seen.some(
        (arp) => arp.outgoing && arp.message.operation === "request" && arp.message.targetIp === to.ip,
      )
      const answered = seen.find(
        (arp) => !arp.outgoing && arp.message.operation === "reply" && arp.message.senderIp === to.ip,
      )
      if (!asked) findings.wrong(`${workload.name} did not ask who has ${to.ip}: its cache was not cold`)
      else if (answered?.message.senderMac !== to.mac)
        findings.wrong(`${workload.name} asked who has ${to.ip}: ${answered?.message.senderMac ?? "no answer"}`)
      else findings.seen(`${workload.name} asked who has ${to.ip}: its own node said ${to.mac}`)
    }
  }
  const containers = new Set(scene.workloads.map((workload) => workload.ip))
  const vnis = new Set(scene.workloads.map((workload) => workload.network.vni))
  for (const { host, vxlan, arp } of recording.wires) {
    // Where multicast is carried, it is meant to be there.
    const quietOnes = vxlan.filter(({ frame }) => vnis.has(frame.vni))
    const inside = quietOnes.filter(({ frame }) => parseArp(frame.inner)).length
    const groups = quietOnes.filter(({ frame }) => isGroupMac(frame.inner.destination)).length
    const outside = arp.filter((message) => containers.has(message.targetIp) || containers.has(message.senderIp)).length
    const carried = recording.exchanges.filter(({ mark }) => vxlan.some(({ bytes }) => hasMark(bytes, mark))).length
    const fact = `wire of ${host.name}: ${carried} questions seen, ${inside + outside} ARP, ${groups} broadcasts`
    const isBusy = recording.exchanges.some((each) => passes(each, host))
    findings.expect(carried > 0 === isBusy && inside + outside + groups === 0, fact, fact)
  }
}

function encapsulated(scene: Scene, recording: Recording, findings: Findings): void {
  for (const { from, to, mark } of recording.exchanges) {
    if (from.host === to.host) continue
    for (const { host, vxlan } of recording.wires) {
      if (!passes({ from, to }, host)) continue
      const found = vxlan.find(({ bytes }) => hasMark(bytes, mark))?.frame
      const wanted = `VNI ${from.network.vni} ${from.host.vtep} > ${to.host.vtep} [${from.mac} > ${to.mac}]`
      const actual = found ? textOf(found) : "nothing"
      if (actual !== wanted) findings.wrong(`${from.name} to ${to.name} at ${host.name}: ${actual}, not ${wanted}`)
    }
  }
  const vteps = new Set(scene.hosts.map((host) => host.vtep))
  for (const { host, vxlan } of recording.wires) {
    const tally = new Map<string, number>()
    for (const { frame } of vxlan) {
      const between = `VNI ${frame.vni} ${frame.outerSource} > ${frame.outerDestination}`
      tally.set(between, (tally.get(between) ?? 0) + 1)
      const known = host.networks.some((network) => network.vni === frame.vni)
      if (!known || !vteps.has(frame.outerSource) || !vteps.has(frame.outerDestination))
        findings.wrong(`at ${host.name}: ${textOf(frame)}`)
    }
    const counts = [...tally].sort().map(([between, count]) => `${between}: ${count} frames`)
    if (!recording.exchanges.some((each) => passes(each, host))) continue
    findings.expect(counts.length > 0, `at ${host.name}: ${counts.join(", ")}`, `at ${host.name}: no VXLAN`)
  }
}

function textOf({ vni, outerSource, outerDestination, inner }: VxlanFrame): string {
  return `VNI ${vni} ${outerSource} > ${outerDestination} [${inner.source} > ${inner.destination}]`
}
