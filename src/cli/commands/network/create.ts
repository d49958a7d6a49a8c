import { notAvailable } from "../../../base/errors.ts"
import { MTU_MAX_BYTES, MTU_MIN_BYTES, SUBNETS_PER_NETWORK_MAX, VNI_MAX } from "../../../base/limits.ts"
import type { NetworkSpec } from "../../../model/network.ts"
import { defineCommand } from "../../command.ts"
import { patiently } from "../../render/progress.ts"

export const networkCreate = defineCommand({
  path: ["network", "create"],
  task: "Networks",
  summary: "Create a network on the whole cluster and print its id",
  details:
    "Whatever is left out is chosen: a free subnet, the subnet's first address as gateway, the next VNI from 256 up.",
  examples: [
    {
      what: "Two networks that share a subnet and nothing else",
      line: "ovl network create red --subnet 10.65.10.0/24\n  ovl network create green --subnet 10.65.10.0/24",
    },
    {
      what: "No way out, addresses from the upper half only",
      line: "ovl network create vault --subnet 10.9.0.0/24 --ip-range 10.9.0.128/25 --internal",
    },
    {
      what: "IPv4 and IPv6 at once",
      line: "ovl network create both --subnet 10.65.11.0/24 --subnet fd00:65:11::/64",
    },
    {
      what: "A second subnet for when the first is full",
      line: "ovl network create wide --subnet 10.65.12.0/24 --subnet 10.65.13.0/24",
    },
  ],
  arguments: {
    name: { name: "NAME", description: "The network's name", required: true, takes: "one", holds: "new network" },
  },
  options: {
    subnet: {
      kind: "list",
      value: "CIDR",
      description: `Subnet, such as 10.65.10.0/24 or fd00:65:10::/64; of both families ${SUBNETS_PER_NETWORK_MAX} at most`,
    },
    gateway: {
      kind: "list",
      value: "IP",
      description: "Gateway address of the subnet that it lies in, the same on every node (default: the first)",
    },
    "ip-range": { kind: "text", value: "CIDR", description: "Part of a subnet from which its addresses are given" },
    vni: {
      kind: "integer",
      value: "N",
      min: 1,
      max: VNI_MAX,
      description: "VXLAN network identifier (default: the next free)",
    },
    mtu: {
      kind: "integer",
      value: "BYTES",
      min: MTU_MIN_BYTES,
      max: MTU_MAX_BYTES,
      description: "MTU inside the network (default: what the way to every node carries, less 50, or 70 over IPv6)",
    },
    internal: { kind: "flag", description: "No way to the outside" },
    label: { kind: "pair", value: "KEY=VALUE", description: "Label" },
    driver: {
      kind: "text",
      short: "d",
      value: "NAME",
      choices: ["overlay"],
      default: "overlay",
      description: "Network driver",
    },
    tenant: { kind: "text", value: "NAME", description: "Tenant; none but default in this version" },
    secure: { kind: "flag", description: "Encrypt between nodes", unavailable: true },
    multicast: { kind: "flag", description: "Carry multicast and broadcast between nodes too" },
    "allow-spoof": {
      kind: "flag",
      description: "Let endpoints send under other MACs and addresses than their own, as routers and VRRP do",
    },
  },
  async run(context) {
    const { options } = context
    if (options.tenant !== undefined && options.tenant !== "default") throw notAvailable("network create --tenant")
    const { withGateways } = await import("../../../model/subnet.ts")
    const subnets = withGateways(options.subnet, options.gateway)
    const spec: NetworkSpec = {
      name: context.arguments.name,
      subnets: subnets.length > 0 ? subnets : undefined,
      ipRange: options["ip-range"],
      vni: options.vni,
      mtu: options.mtu,
      internal: options.internal,
      multicast: options.multicast,
      allowSpoof: options["allow-spoof"] || undefined,
      driver: options.driver,
      labels: labelsOf(options.label),
    }
    const { checkNetwork } = await import("../../checks.ts")
    checkNetwork(spec)
    const client = await context.client()
    const network = await patiently(context, client.createNetwork(spec), `creating network ${spec.name}`)
    context.answer(network, () => `${network.id}\n`)
    return 0
  },
})

function labelsOf(pairs: readonly string[]): Record<string, string> | undefined {
  if (pairs.length === 0) return undefined
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]))
}
