/**
 * The files that a workload sees as its own /etc/hosts and /etc/resolv.conf. Of names, /etc/hosts has only the workload's
 * own; for all others its resolver is the gateway of each of its networks, where the daemon answers (agent/names.ts).
 */
import { workloadResolvConf } from "../../dns/resolv-conf.ts"
import { bareIp, holds, parseIp, parseSubnet } from "../../model/address.ts"
import type { Catalog } from "../../model/catalog.ts"
import { addressesOf, type EndpointRecord } from "../../model/endpoint.ts"
import type { WorkloadRecord } from "./record.ts"

const LOCALHOST = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"

type Inhabitant = Pick<WorkloadRecord, "name" | "hostname" | "networks" | "netns">

/** Localhost, and a line for each address of the workload: the name that it gives itself, `<name>`, `<name>.<network>`. */
export function hostsText(catalog: Catalog, inhabitant: Inhabitant): string {
  let own = ""
  for (const network of inhabitant.networks) {
    const endpoint = endpointOn(catalog, inhabitant, network.id)
    if (!endpoint) continue
    const names = new Set([inhabitant.hostname, endpoint.workload, `${endpoint.workload}.${network.name}`])
    for (const address of addressesOf(endpoint)) own += `${bareIp(address)}\t${[...names].join(" ")}\n`
  }
  return LOCALHOST + own
}

/**
 * The gateways of its networks, in order, and the host's search domains: of each network the gateway that stands in the
 * subnet of its own address, as no other is reached directly. Null where no gateway is known: better the file that is there.
 */
export function resolvConfText(catalog: Catalog, inhabitant: Inhabitant, search: readonly string[]): string | null {
  const gateways: string[] = []
  for (const { id } of inhabitant.networks) {
    const own = parseIp(bareIp(endpointOn(catalog, inhabitant, id)?.ip ?? ""))
    const near = catalog.networks.get(id)?.subnets.find(({ subnet }) => own && holds(parseSubnet(subnet), own))
    if (near) gateways.push(near.gateway)
  }
  return gateways.length === 0 ? null : workloadResolvConf(gateways, search)
}

function endpointOn(catalog: Catalog, { name, netns }: Inhabitant, networkId: string): EndpointRecord | undefined {
  for (const endpoint of catalog.endpointsOfWorkload(name))
    if (endpoint.networkId === networkId && endpoint.netns === netns) return endpoint
  return undefined
}
