/**
 * Whether what workloads send gets out, tried with one real packet: ovl's rules accept it, but a table that ovl has nothing
 * to do with (firewalld's, a mangle table) may drop it all the same. It goes to another node, or to the default gateway,
 * lives for no further router, and is looked for on the device that it should leave by.
 */
import { EGRESS_TRY_MS } from "../base/limits.ts"
import { OvlError } from "../base/errors.ts"
import { USER_CHAIN } from "../kernel/firewall/rules.ts"
import { type Frame, PacketSocket } from "../linux/packet.ts"
import { sendUnfragmented } from "../linux/udp-tap.ts"
import { bareIp, familyOf, holds, parseIp, parseSubnet } from "../model/address.ts"
import { parseIpv4 } from "../model/cidr.ts"
import { EGRESS_BRIDGE_NAME, type HostFacts } from "../model/dataplane.ts"
import type { EndpointView } from "../model/endpoint.ts"
import { type Check, type Finding, failed, ok, warning } from "./check.ts"
import type { Answers, Patient } from "./patient.ts"

/** Where traceroute begins: nobody listens there. */
const PORT = 33_434
/** This host and the next one. */
const TTL = 2
const ETHERNET_BYTES = 14
const ETHERTYPE_IPV4 = 0x0800
const ETHERTYPE_ARP = 0x0806
const FRAMES_MAX = 4_096
const LOOK_MS = 10

export const egress: Check = {
  name: "egress",
  async look(patient): Promise<Finding[]> {
    const answers = await patient.answers()
    if (answers instanceof OvlError || !patient.options.isRoot) return []
    const workload = answers.endpoints.find((each) => hasEgress(each, answers.status.node.name))
    const to = workload && destination(answers, patient.facts)
    const device = to && deviceTo(patient.facts, to)
    // Without a workload, or somewhere to send to, there is nothing to try.
    if (!workload || !to || !device) return []
    const left = await tryOut(workload, to, device)
    const words = `a packet from ${workload.name} to ${to}`
    if (left === "translated") return [ok(`${words} leaves by ${device} under this host's address`)]
    if (left === "bare")
      return [
        failed(
          `${words} leaves by ${device} under the workload's own address`,
          "see `iptables -t nat -S`: a rule before ovl's lets it pass untranslated",
        ),
      ]
    return [lost(`${words} does not leave by ${device}`, patient)]
  },
}

function lost(detail: string, { rules }: Patient): Finding {
  if ((rules.get("filter")?.chains.get(USER_CHAIN) ?? []).length > 0)
    return warning(
      detail,
      `is that what your rules in ${USER_CHAIN} say? Else see \`nft list ruleset\` for what drops it`,
    )
  return failed(
    detail,
    "a rule that is not in iptables' filter table drops it: see `nft list ruleset` and `iptables -t mangle -S`",
  )
}

function hasEgress({ node, netns, egress: way, state }: EndpointView, self: string): boolean {
  return node === self && netns !== null && way !== null && state === "up"
}

/** Another node, whose link address is known by now; else the default gateway. */
function destination({ nodes, status }: Answers, { routes }: HostFacts): string | undefined {
  const others = nodes.filter(
    ({ id, state, address }) => id !== status.node.id && state === "alive" && familyOf(address) === 4,
  )
  return others[0]?.address ?? routes.find(({ dst, via }) => dst === "default" && via !== null)?.via ?? undefined
}

/** Exported for tests: the device of the longest prefix that holds the address. */
export function deviceTo({ routes }: Pick<HostFacts, "routes">, address: string): string | null {
  const ip = parseIp(address)
  const holding = routes.flatMap(({ dst, device }) => {
    if (device === null || device === EGRESS_BRIDGE_NAME || ip === null) return []
    if (dst === "default") return [{ device, prefix: 0 }]
    const subnet = parseSubnet(dst.includes("/") ? dst : `${dst}/32`)
    return holds(subnet, ip) ? [{ device, prefix: subnet.prefix }] : []
  })
  return holding.sort((a, b) => b.prefix - a.prefix)[0]?.device ?? null
}

type Seen = "translated" | "bare"

async function tryOut(workload: EndpointView, to: string, device: string): Promise<Seen | null> {
  const from = bareIp(workload.egress!.ip)
  const socket = PacketSocket.open({ device })
  try {
    const refused = sendUnfragmented({
      namespace: workload.netns!,
      from: bytesOf(from),
      to: bytesOf(to),
      port: PORT,
      payload: new Uint8Array(16),
      ttl: TTL,
    })
    if (refused !== null) return null
    for (let waited = 0; waited < EGRESS_TRY_MS; waited += LOOK_MS) {
      for (const frame of socket.drain(FRAMES_MAX)) {
        const seen = seenIn(frame, from, to)
        if (seen !== null) return seen
      }
      await Bun.sleep(LOOK_MS)
    }
    return null
  } finally {
    socket.close()
  }
}

/** Exported for tests. A question for the address of `to` shows as much: it is asked when a packet has passed all rules. */
export function seenIn({ bytes, outgoing }: Frame, from: string, to: string): Seen | null {
  if (!outgoing || bytes.length < ETHERNET_BYTES + 28) return null
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const type = view.getUint16(12)
  const addressAt = (at: number) => view.getUint32(ETHERNET_BYTES + at)
  if (type === ETHERTYPE_ARP) return addressAt(24) === parseIpv4(to) ? "translated" : null
  const headerBytes = (bytes[ETHERNET_BYTES]! & 0xf) * 4
  if (type !== ETHERTYPE_IPV4 || bytes[ETHERNET_BYTES + 9] !== 17 || addressAt(16) !== parseIpv4(to)) return null
  if (bytes.length < ETHERNET_BYTES + headerBytes + 8) return null
  if (view.getUint16(ETHERNET_BYTES + headerBytes + 2) !== PORT) return null
  return addressAt(12) === parseIpv4(from) ? "bare" : "translated"
}

function bytesOf(address: string): Uint8Array {
  const bytes = new Uint8Array(4)
  new DataView(bytes.buffer).setUint32(0, parseIpv4(address) ?? 0)
  return bytes
}
