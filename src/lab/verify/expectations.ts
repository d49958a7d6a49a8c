/**
 * What the lab's file expects, held against the lab: each line is a check of its own. Whoever should answer does so with
 * its name, so that an answer by somebody else does not count.
 */
import { LAB_ANSWER_TIMEOUT_MS, LAB_ASKS_AT_ONCE_MAX, LAB_SETTLE_MS, LAB_SILENCE_MS } from "../../base/limits.ts"
import { familyOf } from "../../model/address.ts"
import { parsePortMapping } from "../../model/port-mapping.ts"
import { link, NetlinkSocket } from "../../netlink/index.ts"
import type { Expectation, HearExpectation, ReachExpectation } from "../expectation.ts"
import { bare } from "../topology.ts"
import { HOST_LINK } from "../underlay/wanted.ts"
import type { Check, Findings } from "./check.ts"
import { type Door, knock } from "./doors.ts"
import { groupMac, udpFrame } from "./frames.ts"
import { ask, PROBE_PORT } from "./probe.ts"
import type { Scene, SceneWorkload } from "./scene.ts"
import { newMarks, Taps } from "./tap.ts"
import { inTurns } from "./turns.ts"

const UDP_HEADERS_BYTES = { 4: 28, 6: 48 } as const

/** Who speaks or is spoken to. */
interface Party {
  name: string
  netns: string
  /** The interface by which it speaks to the others here. */
  ifname: string
  workload: SceneWorkload | null
}

export function expectationChecks(scene: Scene): Check[] {
  return scene.topology.expect.map((expectation) => ({
    name: expectation.text,
    look: (findings: Findings) => lookAt(scene, expectation, findings),
  }))
}

/** Where somebody must listen for the expectations about ports. */
export function doorsOf(scene: Scene): Door[] {
  const doors = new Map<string, Door>()
  for (const expectation of scene.topology.expect) {
    if (expectation.kind !== "reach" || expectation.port === null) continue
    const { protocol, number } = expectation.port
    const to = targetOf(scene, expectation)
    // On a node nobody listens for the proof's sake: what answers there is published, or is the node's own.
    const owner = to.party?.workload ?? published(scene, to.party, expectation.port)?.workload
    const port = to.party?.workload ? number : (published(scene, to.party, expectation.port)?.port ?? number)
    if (!owner) continue
    // What a node publishes comes by IPv4, as the underlay is.
    const address = to.party?.workload && familyOf(to.address) === 6 ? to.address : "0.0.0.0"
    const door = { netns: owner.netns, name: owner.name, protocol, address, port }
    doors.set(`${owner.netns} ${protocol} ${address} ${port}`, door)
  }
  return [...doors.values()]
}

function lookAt(scene: Scene, expectation: Expectation, findings: Findings): Promise<void> {
  if (expectation.kind === "reach") return reaches(scene, expectation, findings)
  if (expectation.kind === "hear") return hears(scene, expectation, findings)
  return allReach(scene, expectation.network, findings)
}

function partyOf({ workloads, hosts, outside }: Scene, name: string): Party {
  const workload = workloads.find((each) => each.name === name)
  if (workload) return { name, netns: workload.netns, ifname: workload.endpoint.ifname, workload }
  const netns = name === outside.name ? outside.netns : hosts.find((each) => each.name === name)?.netns
  if (netns === undefined) throw new Error(`there is no ${name}`)
  return { name, netns, ifname: HOST_LINK, workload: null }
}

/** The address that is asked, and whose it is; nobody's is no party. */
function targetOf(scene: Scene, { from, to }: ReachExpectation): { address: string; party: Party | null } {
  const { hosts, outside, workloads } = scene
  const asker = workloads.find((each) => each.name === from)
  const workload = workloads.find((each) => each.name === to)
  if (workload) return { address: addressFor(workload, asker), party: partyOf(scene, to) }
  const host = hosts.find((each) => each.name === to)
  if (host) return { address: host.vtep, party: partyOf(scene, to) }
  if (to === outside.name) return { address: outside.address, party: partyOf(scene, to) }
  return { address: to, party: ownerOf(scene, to, asker) }
}

/** On a network that both are on, where there is one. */
function addressFor(workload: SceneWorkload, asker: SceneWorkload | undefined): string {
  const shared = workload.endpoints.find(({ network }) =>
    asker?.endpoints.some((each) => each.network.id === network.id),
  )
  return bare((shared ?? workload.endpoints[0]!).endpoint.ip)
}

/** One address may be several workloads': the asker's own network decides. */
function ownerOf(scene: Scene, address: string, asker: SceneWorkload | undefined): Party | null {
  const { hosts, outside, workloads, topology } = scene
  const host = hosts.find((each) => each.vtep === address)
  if (host) return partyOf(scene, host.name)
  if ([outside.address, bare(topology.outside.underlay)].includes(address)) return partyOf(scene, outside.name)
  const has = (each: SceneWorkload, network: string) =>
    each.endpoints.some(
      ({ network: own, endpoint }) =>
        own.id === network && [endpoint.ip, endpoint.ip6].some((ip) => ip && bare(ip) === address),
    )
  for (const { network } of asker?.endpoints ?? []) {
    const owner = workloads.find((each) => has(each, network.id))
    if (owner) return partyOf(scene, owner.name)
  }
  return null
}

/** The workload behind a port of a node. */
function published(
  { topology, workloads }: Scene,
  party: Party | null,
  wanted: { protocol: "tcp" | "udp"; number: number },
): { workload: SceneWorkload; port: number } | null {
  if (party === null || party.workload) return null
  for (const { name, host, publish } of topology.workloads) {
    if (host !== party.name) continue
    for (const mapping of publish.map(parsePortMapping)) {
      const offset = wanted.number - mapping.hostPort
      if (mapping.protocol !== wanted.protocol || offset < 0 || offset >= mapping.count) continue
      const workload = workloads.find((each) => each.name === name)
      if (workload) return { workload, port: mapping.port + offset }
    }
  }
  return null
}

async function reaches(scene: Scene, expectation: ReachExpectation, findings: Findings): Promise<void> {
  const from = partyOf(scene, expectation.from)
  const { address, party } = targetOf(scene, expectation)
  const { port, holds } = expectation
  const behind = port === null ? null : published(scene, party, port)
  const wanted = behind?.workload.name ?? party?.name ?? null
  const answer = await answerOf(from, address, expectation)
  const fact = `${from.name} to ${address}: ${answer.text}`
  if (!holds) return findings.expect(answer.name === null, fact, fact)
  const isRight = answer.name !== null && (answer.name === "" || answer.name === wanted)
  findings.expect(isRight, fact, answer.name === null ? fact : `${fact}, not ${wanted}`)
}

/** `name` is null where nobody answered, "" where it was not said who. */
async function answerOf(
  from: Party,
  address: string,
  { port, bytes, holds, text }: ReachExpectation,
): Promise<{ name: string | null; text: string }> {
  const patience = holds ? LAB_ANSWER_TIMEOUT_MS : LAB_SILENCE_MS
  if (port?.protocol === "tcp") {
    const name = await knock(from.netns, address, port.number, patience)
    const said = name === null ? "no connection" : name === "" ? "connected" : name
    return { name, text: `${said} at tcp ${port.number}` }
  }
  const mark = newMarks("expect")(text.replaceAll(" ", "_").slice(0, MARK_MAX_CHARS))
  if (bytes !== null) {
    const mtu = mtuOf(from)
    if (bytes > mtu) return { name: null, text: `${bytes} bytes do not fit: ${from.ifname} carries ${mtu}` }
  }
  const question = bytes === null ? mark : questionOf(mark, bytes, address)
  const answer = await ask(from.netns, address, question, patience, port?.number ?? PROBE_PORT)
  const size = bytes === null ? "" : ` with ${bytes} bytes`
  const where = port === null ? "" : ` at udp ${port.number}`
  return { name: answer?.name ?? null, text: `${answer?.name ?? "no answer"}${where}${size}` }
}

const MARK_MAX_CHARS = 64

/** Exported for tests: so much text that the IP packet to this address has `bytes`. */
export function questionOf(mark: string, bytes: number, address: string): string {
  return mark.padEnd(bytes - UDP_HEADERS_BYTES[familyOf(address)], "x")
}

function mtuOf({ netns, ifname }: Party): number {
  using socket = NetlinkSocket.open({ namespace: netns })
  return link.get(socket, ifname)?.mtu ?? 0
}

/** A frame to a group, sent on the network that both are on. */
async function hears(scene: Scene, { from, to, group, holds }: HearExpectation, findings: Findings): Promise<void> {
  const [listener, speaker] = [partyOf(scene, from).workload!, partyOf(scene, to).workload!]
  const on = (workload: SceneWorkload, network: string) =>
    workload.endpoints.find((each) => each.network.id === network)?.endpoint
  const shared = speaker.endpoints.find(({ network }) => on(listener, network.id))
  const own = shared?.endpoint ?? speaker.endpoint
  const heard = (shared && on(listener, shared.network.id)) ?? listener.endpoint
  using taps = new Taps()
  const mouth = taps.open(speaker.name, speaker.netns, own.ifname)
  const ear = taps.open(listener.name, listener.netns, heard.ifname)
  const mark = newMarks("hear")(`${to}>${from}`)
  const addresses = { mac: groupMac(group), sourceMac: own.mac, source: bare(own.ip), destination: group }
  mouth.send(udpFrame({ ...addresses, port: PROBE_PORT, text: mark }))
  if (!holds) await Bun.sleep(LAB_SILENCE_MS - LAB_SETTLE_MS)
  await taps.watch(() => !holds || ear.received(mark))
  const came = ear.received(mark)
  const fact = `${to} spoke to ${group}: ${from} ${came ? "heard it" : "heard nothing"}`
  findings.expect(came === holds, fact, fact)
}

async function allReach(scene: Scene, network: string, findings: Findings): Promise<void> {
  const members = scene.workloads.flatMap((workload) =>
    workload.endpoints
      .filter((each) => each.network.name === network)
      .map(({ endpoint }) => ({ workload, ip: bare(endpoint.ip) })),
  )
  const mark = newMarks("all")
  const pairs = members.flatMap((from) => members.filter((to) => to !== from).map((to) => ({ from, to })))
  await inTurns(pairs, LAB_ASKS_AT_ONCE_MAX, async ({ from, to }) => {
    const name = `${from.workload.name}>${to.workload.name}`
    const answer = await ask(from.workload.netns, to.ip, mark(name), LAB_ANSWER_TIMEOUT_MS)
    const fact = `${from.workload.name} to ${to.ip}: ${answer?.name ?? "no answer"}`
    findings.expect(answer?.name === to.workload.name, fact, fact)
  })
}
