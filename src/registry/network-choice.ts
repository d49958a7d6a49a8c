/**
 * What a person asked for, checked and completed to a network's record: everything that can be wrong with it is said
 * here, each with a code of its own. What depends on other networks comes in as an argument.
 */
import { notAvailable, OvlError } from "../base/errors.ts"
import { MTU_MAX_BYTES, MTU_MIN_BYTES } from "../base/limits.ts"
import { formatSubnet, parseSubnet, subnetsOverlap } from "../model/address.ts"
import { EGRESS_IPV6_POOL } from "../model/egress-pool.ts"
import { checkName, DEFAULT_TENANT } from "../model/names.ts"
import { labelsSchema, type NetworkRecord, type NetworkSpec } from "../model/network.ts"
import type { NodeRecord } from "../model/node.ts"
import { askedSubnets } from "../model/subnet.ts"
import { narrowestMember, overlayMtu, vxlanOverhead } from "../model/views.ts"
import { checkVni } from "../model/vni.ts"

/** Errors: `not_available` for what the contract names and this version lacks; `driver_unknown` (usage). */
function checkAvailable(spec: NetworkSpec): void {
  if (spec.secure) throw notAvailable("--secure")
  if (spec.tenant !== undefined && spec.tenant !== DEFAULT_TENANT) throw notAvailable(`--tenant ${spec.tenant}`)
  if (spec.driver === undefined || spec.driver === "overlay") return
  throw new OvlError("driver_unknown", `driver ${JSON.stringify(spec.driver)}: there is no such driver`, {
    kind: "usage",
    hint: "the only driver is overlay",
  })
}

/**
 * Everything about the wish that is wrong in itself, before the cluster is looked at.
 * Errors: name_invalid, not_available, driver_unknown, vni_invalid, mtu_invalid, labels_invalid, subnet_invalid,
 * gateway_invalid, ip_range_invalid.
 */
export function checkNetworkSpec(spec: NetworkSpec): void {
  checkName(spec.name, "network")
  checkAvailable(spec)
  if (spec.vni !== undefined) checkVni(spec.vni)
  if (spec.mtu !== undefined) checkMtu(spec.mtu)
  const labels = labelsSchema.safeParse(spec.labels ?? {})
  if (!labels.success) {
    const why = labels.error.issues[0]?.message ?? "malformed"
    throw new OvlError("labels_invalid", `network ${spec.name}: labels: ${why}`, { kind: "usage" })
  }
  askedSubnets(spec)
}

/** Below 68 bytes Linux takes IPv4 off an interface (RFC 791 is where the number is from); above 65535 no IP packet is. */
function checkMtu(mtu: number): void {
  if (Number.isInteger(mtu) && mtu >= MTU_MIN_BYTES && mtu <= MTU_MAX_BYTES) return
  throw new OvlError("mtu_invalid", `MTU ${mtu}: must be a whole number from ${MTU_MIN_BYTES} to ${MTU_MAX_BYTES}`, {
    kind: "usage",
    hint: "leave --mtu out to get what the nodes' underlay can carry",
  })
}

/** Errors: `mtu_too_large` (invalid), naming the member whose underlay is too narrow. */
export function checkMtuFits(mtu: number | undefined, nodes: Iterable<NodeRecord>): void {
  const narrowest = narrowestMember(nodes)
  if (mtu === undefined || !narrowest || mtu <= overlayMtu(narrowest)) return
  const { name, underlayMtu } = narrowest
  const why = `node ${name} has an underlay of ${underlayMtu} bytes, less ${vxlanOverhead(narrowest)} for VXLAN`
  throw new OvlError("mtu_too_large", `MTU ${mtu}: ${why}`, {
    kind: "invalid",
    hint: `the largest that every node can carry is ${overlayMtu(narrowest)}`,
  })
}

/**
 * An overlay may have any subnet, even the underlay's, as it lives in a namespace of its own. Only within a workload two
 * meet: the overlay's and the egress bridge's. Errors: `subnet_overlap` (conflict).
 */
export function checkEgressClash(
  spec: NetworkSpec,
  subnets: NetworkRecord["subnets"],
  nodes: Iterable<NodeRecord>,
): void {
  if (spec.internal) return
  const inPool = subnets.find(({ subnet }) => subnetsOverlap(parseSubnet(subnet), EGRESS_IPV6_POOL))
  if (inPool)
    throw new OvlError(
      "subnet_overlap",
      `subnet ${inPool.subnet}: ${formatSubnet(EGRESS_IPV6_POOL)} is for egress bridges`,
      {
        kind: "conflict",
        hint: "choose another subnet, or make the network --internal",
      },
    )
  for (const node of nodes) {
    if (node.state !== "member" || !node.egressSubnet) continue
    const bridge = parseSubnet(node.egressSubnet)
    const clash = subnets.find(({ subnet }) => subnetsOverlap(parseSubnet(subnet), bridge))
    if (!clash) continue
    throw new OvlError(
      "subnet_overlap",
      `subnet ${clash.subnet}: overlaps the egress bridge ${node.egressSubnet} of node ${node.name}`,
      {
        kind: "conflict",
        hint: "choose another subnet, or make the network --internal",
      },
    )
  }
}
