import { notAvailable } from "../../../base/errors.ts"
import { MTU_MAX_BYTES, MTU_MIN_BYTES, VNI_MAX } from "../../../base/limits.ts"
import type { NetworkSpec } from "../../../model/network.ts"
import { defineCommand } from "../../command.ts"
import { usageError } from "../../usage.ts"

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
  ],
  arguments: {
    name: { name: "NAME", description: "The network's name", required: true, takes: "one", holds: "new network" },
  },
  options: {
    subnet: { kind: "list", value: "CIDR", description: "Subnet, such as 10.65.10.0/24" },
    gateway: { kind: "text", value: "IP", description: "Gateway address, the same on every node (default: the first)" },
    "ip-range": { kind: "text", value: "CIDR", description: "Part of the subnet from which addresses are given" },
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
      description: "MTU inside the network (default: the underlay's less 50)",
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
    multicast: { kind: "flag", description: "Carry multicast and broadcast", unavailable: true },
  },
  async run(context) {
    const { options } = context
    if (options.tenant !== undefined && options.tenant !== "default") throw notAvailable("network create --tenant")
    const spec: NetworkSpec = {
      name: context.arguments.name,
      subnets: subnetsOf(options.subnet, options.gateway),
      ipRange: options["ip-range"],
      vni: options.vni,
      mtu: options.mtu,
      internal: options.internal,
      driver: options.driver,
      labels: labelsOf(options.label),
    }
    const { checkNetwork } = await import("../../checks.ts")
    checkNetwork(spec)
    const network = await (await context.client()).createNetwork(spec)
    context.answer(network, () => `${network.id}\n`)
    return 0
  },
})

/** One gateway belongs to one subnet: without one, or with several, nobody could say which. */
function subnetsOf(subnets: string[], gateway: string | undefined): NetworkSpec["subnets"] {
  if (gateway === undefined) return subnets.length > 0 ? subnets.map((subnet) => ({ subnet })) : undefined
  const [subnet] = subnets
  if (subnet === undefined || subnets.length > 1)
    throw usageError(
      "gateway_without_subnet",
      `--gateway ${gateway}: ${subnets.length === 0 ? "there is no --subnet for it" : "there are several subnets"}`,
      "give --gateway together with one --subnet",
    )
  return [{ subnet, gateway }]
}

function labelsOf(pairs: readonly string[]): Record<string, string> | undefined {
  if (pairs.length === 0) return undefined
  return Object.fromEntries(pairs.map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]))
}
