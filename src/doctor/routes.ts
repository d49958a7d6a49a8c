/** Subnets that clash: of networks with what the host itself reaches, and of the egress bridge with anything. */
import { OvlError } from "../base/errors.ts"
import { type Subnet, parseIp, formatSubnet, subnetsOverlap, ADDRESS_BITS } from "../model/address.ts"
import { EGRESS_BRIDGE_NAME, type HostFacts } from "../model/dataplane.ts"
import type { NetworkView } from "../model/network.ts"
import { chooseEgressAddress } from "../overlay/egress.ts"
import { type Check, type Finding, failed, ok, warning } from "./check.ts"

export const routes: Check = {
  name: "routes",
  async look(patient): Promise<Finding[]> {
    const { facts, kernel } = patient
    const answers = await patient.answers()
    const networks = answers instanceof OvlError ? [] : answers.networks
    const bridge = kernel.observeEgress()?.bridge.addresses.find((each) => !each.includes(":")) ?? null
    const found = [...networkClashes(facts, networks), ...egressClashes(facts, bridge)]
    if (bridge === null) found.push(...noEgressSubnet(facts))
    return found.length > 0 ? found : [ok("no subnet clashes with a route of this host")]
  },
}

/** Exported for tests: workloads of such a network do not reach what the route leads to. */
export function networkClashes(facts: Pick<HostFacts, "routes">, networks: readonly NetworkView[]): Finding[] {
  const hosts = facts.routes.flatMap(({ dst, device }) => {
    const subnet = device === EGRESS_BRIDGE_NAME ? null : subnetOf(dst)
    return subnet ? [{ subnet, device }] : []
  })
  return networks.flatMap(({ name, subnets, internal }) =>
    subnets.flatMap(({ subnet }) => {
      const own = subnetOf(subnet)
      const clash = internal ? undefined : hosts.find((host) => own !== null && subnetsOverlap(own, host.subnet))
      if (clash === undefined) return []
      return [
        warning(
          `network ${name} (${subnet}) overlaps this host's route ${formatSubnet(clash.subnet)} dev ${clash.device}`,
          "its workloads do not reach what that route leads to: make the network with another --subnet",
          "routes: networks",
        ),
      ]
    }),
  )
}

/** Exported for tests. `bridge`: the egress bridge's address with prefix length; null where there is none. */
export function egressClashes(facts: Pick<HostFacts, "routes" | "addresses">, bridge: string | null): Finding[] {
  const own = bridge === null ? null : subnetOf(bridge)
  if (own === null) return []
  const others = [
    ...facts.routes.map(({ dst, device }) => ({ subnet: subnetOf(dst), device })),
    ...facts.addresses.map(({ address, device }) => ({ subnet: subnetOf(address), device })),
  ]
  const clash = others.find(
    ({ subnet, device }) => device !== EGRESS_BRIDGE_NAME && subnet !== null && subnetsOverlap(own, subnet),
  )
  if (!clash?.subnet) return []
  return [
    failed(
      `the egress bridge's subnet ${formatSubnet(own)} overlaps ${formatSubnet(clash.subnet)} dev ${clash.device}`,
      "restart the daemon when no workload uses the bridge, and it takes another subnet; or take the route away",
      "routes: egress",
    ),
  ]
}

function noEgressSubnet(facts: HostFacts): Finding[] {
  try {
    chooseEgressAddress(facts, { networks: new Map() }, null)
    return []
  } catch (error) {
    if (error instanceof OvlError) return [failed(error.message, error.hint, "routes: egress")]
    throw error
  }
}

/** Of an address or subnet; null for `default`, which overlaps everything and clashes with nothing. */
function subnetOf(text: string): Subnet | null {
  const [address = "", prefix] = text.split("/")
  const ip = parseIp(address)
  if (ip === null) return null
  const bits = ADDRESS_BITS[ip.family]
  const length = prefix === undefined ? bits : Number(prefix)
  const host = BigInt(bits - length)
  return length === 0 ? null : { family: ip.family, address: (ip.value >> host) << host, prefix: length }
}
