/**
 * The way to the outside: there by the node's own address, and for nothing else. Neighbours on the egress bridge are
 * apart, the outside does not come in, the node is closed to its workloads. Frames that must not arrive are looked for
 * where the controls, sent by the same hand or seen by the same tap, do arrive.
 */
import { LAB_ANSWER_TIMEOUT_MS, LAB_SILENCE_MS } from "../../base/limits.ts"
import { EGRESS_BRIDGE_NAME } from "../../model/dataplane.ts"
import type { Egress } from "../../model/endpoint.ts"
import { link, NetlinkSocket } from "../../netlink/index.ts"
import { areConnected, bare } from "../topology.ts"
import { HOST_LINK } from "../underlay/wanted.ts"
import type { Check, Findings } from "./check.ts"
import { udpFrame } from "./frames.ts"
import { ask, PROBE_PORT, sendDatagrams } from "./probe.ts"
import { outgoingPart, type Scene, type SceneWorkload, siblings } from "./scene.ts"
import { newMarks, type Tap, Taps } from "./tap.ts"

/** Ports that nothing answers on. */
const FIRST_STRAY_PORT = 40_000
const STRAY_PORTS = 20_000

/** None where nobody has a way out. */
export function egressChecks(whole: Scene): Check[] {
  const scene = outgoingPart(whole)
  if (scene.workloads.length === 0) return []
  return [
    { name: "the outside is reached with the node's address", look: (findings) => goesOut(scene, findings) },
    { name: "egress neighbours are apart", look: (findings) => neighboursApart(scene, findings) },
    { name: "the outside cannot reach in", look: (findings) => outsideStaysOut(scene, findings) },
    { name: "nodes are closed to their own workloads", look: (findings) => nodeClosed(scene, findings) },
  ]
}

interface EgressDoor {
  workload: SceneWorkload
  egress: Egress
  ip: string
  mac: string
  gatewayMac: string
  tap: Tap
}

function openDoors(scene: Scene, taps: Taps): EgressDoor[] {
  return scene.workloads.flatMap((workload) => {
    const { egress } = workload
    if (!egress) return []
    const mac = macOf(workload.netns, egress.ifname)
    const gatewayMac = macOf(workload.host.netns, EGRESS_BRIDGE_NAME)
    const tap = taps.open(workload.name, workload.netns, egress.ifname)
    return { workload, egress, ip: bare(egress.ip), mac, gatewayMac, tap }
  })
}

function macOf(netns: string, device: string): string {
  using socket = NetlinkSocket.open({ namespace: netns })
  const mac = link.get(socket, device)?.mac
  if (mac) return mac
  throw new Error(`there is no ${device}`)
}

async function goesOut(scene: Scene, findings: Findings): Promise<void> {
  const mark = newMarks("out")
  const { name, address } = scene.outside
  await Promise.all(
    scene.workloads.map(async (from) => {
      const answer = await ask(from.netns, address, mark(from.name), LAB_ANSWER_TIMEOUT_MS)
      const fact = answer
        ? `${from.name}: ${answer.name} saw ${answer.seen}`
        : `${from.name}: no answer from ${address}`
      findings.expect(answer?.name === name && answer.seen === from.host.vtep, fact, fact)
    }),
  )
}

/** A frame made by hand on the workload's egress interface. */
function sendFrom(from: EgressDoor, mac: string, destination: string, text: string): void {
  from.tap.send(udpFrame({ mac, sourceMac: from.mac, source: from.ip, destination, port: PROBE_PORT, text }))
}

/** Straight to the neighbour's MAC, and by way of the gateway. The control goes to the outside and back. */
async function neighboursApart(scene: Scene, findings: Findings): Promise<void> {
  using taps = new Taps()
  const doors = openDoors(scene, taps)
  const mark = newMarks("apart")
  const word = (kind: string, from: EgressDoor, to: EgressDoor) =>
    mark(`${kind}:${from.workload.name}>${to.workload.name}`)
  const pairs = doors.flatMap((from) =>
    doors.filter((to) => to !== from && to.workload.host === from.workload.host).map((to) => ({ from, to })),
  )
  for (const { from, to } of pairs) {
    sendFrom(from, to.mac, to.ip, word("bridge", from, to))
    sendFrom(from, from.gatewayMac, to.ip, word("gateway", from, to))
  }
  for (const door of doors) sendFrom(door, door.gatewayMac, scene.outside.address, mark(door.workload.name))
  await taps.watch(() => doors.every((door) => door.tap.received(mark(door.workload.name))))
  for (const { from, to } of pairs) {
    const ways = ["bridge", "gateway"].filter((kind) => to.tap.received(word(kind, from, to)))
    const names = `${from.workload.name} to ${to.workload.name} (${to.ip})`
    findings.expect(ways.length === 0, `${names}: nothing came`, `${names}: came by the ${ways.join(" and the ")}`)
  }
  for (const door of doors) {
    const came = door.tap.received(mark(door.workload.name))
    const what = `the answer of ${scene.outside.name} to ${door.workload.name}`
    findings.expect(came, `${what} came`, `${what} was not seen, so nothing is proved`)
  }
}

/** Frames that the outside addresses to a node's MAC and a container's address, as a route on it would. */
async function outsideStaysOut(scene: Scene, findings: Findings): Promise<void> {
  using taps = new Taps()
  const doors = openDoors(scene, taps)
  const inner = new Map(
    scene.workloads.map((each) => [each, taps.open(each.name, each.netns, each.endpoint.ifname)] as const),
  )
  const wires = new Map(scene.hosts.map((host) => [host, taps.open(host.name, host.netns, HOST_LINK)] as const))
  const outside = taps.open(scene.outside.name, scene.outside.netns, HOST_LINK)
  const sourceMac = macOf(scene.outside.netns, HOST_LINK)
  // Each time others, as what was once let in is let in for a while by connection tracking, as an answer.
  const port = FIRST_STRAY_PORT + Math.floor(Math.random() * STRAY_PORTS)
  const mark = newMarks("in")
  const sent = doors.flatMap(({ workload, ip, tap }) => [
    { workload, ip, tap, text: mark(`${workload.name}/egress`) },
    { workload, ip: workload.ip, tap: inner.get(workload)!, text: mark(`${workload.name}/overlay`) },
  ])
  for (const { workload, ip, text } of sent) {
    const mac = macOf(workload.host.netns, HOST_LINK)
    outside.send(udpFrame({ mac, sourceMac, source: scene.outside.address, destination: ip, port, text }))
  }
  // Each tap is shown to hear: one a sibling's word, the other an answer of the outside.
  const controls = doors.flatMap(({ workload, tap }) => [
    { workload, tap, text: mark(workload.name) },
    ...siblings(scene, workload).map((from) => {
      return { workload, tap: inner.get(workload)!, text: mark(`${from.name}>${workload.name}`) }
    }),
  ])
  for (const door of doors) {
    const { name, netns } = door.workload
    sendFrom(door, door.gatewayMac, scene.outside.address, mark(name))
    const words = siblings(scene, door.workload).map((to) => {
      return { address: to.ip, port: PROBE_PORT, data: mark(`${name}>${to.name}`) }
    })
    await sendDatagrams(netns, words)
  }
  const allHeard = () =>
    sent.every(({ workload, text }) => wires.get(workload.host)!.received(text)) &&
    controls.every(({ tap, text }) => tap.received(text))
  await taps.watch(allHeard)
  for (const { workload, ip, tap, text } of sent) {
    const names = `to ${ip} of ${workload.name}`
    if (!wires.get(workload.host)!.received(text))
      findings.wrong(`${names}: did not even come to ${workload.host.name}`)
    else findings.expect(!tap.received(text), `${names}: stopped at ${workload.host.name}`, `${names}: came in`)
  }
  for (const { workload, tap, text } of controls)
    if (!tap.received(text)) findings.wrong(`what should have come to ${workload.name} did not come either`)
}

/** A node's own addresses do not answer its workloads; they answer those of the other nodes, who come as outsiders. */
async function nodeClosed(scene: Scene, findings: Findings): Promise<void> {
  const mark = newMarks("node")
  const questions = scene.workloads.flatMap((from) => {
    const { egress } = from
    if (!egress) return []
    const own = [from.host.vtep, egress.gateway].map((address) => ({ from, address, answerer: null }))
    const others = scene.hosts.filter(
      (host) => host !== from.host && areConnected(scene.topology, host.name, from.host.name),
    )
    return [...own, ...others.map((host) => ({ from, address: host.vtep, answerer: host.name }))]
  })
  await Promise.all(
    questions.map(async ({ from, address, answerer }) => {
      const patience = answerer === null ? LAB_SILENCE_MS : LAB_ANSWER_TIMEOUT_MS
      const answer = await ask(from.netns, address, mark(`${from.name}>${address}`), patience)
      const fact = `${from.name} to ${address}: ${answer?.name ?? "no answer"}`
      findings.expect((answer?.name ?? null) === answerer, fact, fact)
    }),
  )
}
