/**
 * The files that a workload sees as its own /etc/hosts and /etc/resolv.conf. Of names, /etc/hosts has only the workload's
 * own; for all others its resolver is the gateway of each of its networks, where the daemon answers (agent/names.ts).
 */
import { workloadResolvConf } from "../../dns/resolv-conf.ts"
import { bareIp } from "../../model/address.ts"
import type { Catalog } from "../../model/catalog.ts"
import { addressesOf } from "../../model/endpoint.ts"
import type { WorkloadRecord } from "./record.ts"

const LOCALHOST = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"

type Inhabitant = Pick<WorkloadRecord, "name" | "hostname" | "networks" | "netns">

/** Localhost, and a line for each address of the workload: the name that it gives itself, `<name>`, `<name>.<network>`. */
export function hostsText(catalog: Catalog, { name, hostname, networks, netns }: Inhabitant): string {
  let own = ""
  for (const network of networks) {
    for (const endpoint of catalog.endpointsOfWorkload(name)) {
      if (endpoint.networkId !== network.id || endpoint.netns !== netns) continue
      const names = new Set([hostname, endpoint.workload, `${endpoint.workload}.${network.name}`])
      for (const address of addressesOf(endpoint)) own += `${bareIp(address)}\t${[...names].join(" ")}\n`
    }
  }
  return LOCALHOST + own
}

/**
 * The gateways of its networks, in order, and the host's search domains. Null where no gateway is known: better the file
 * that is there.
 */
export function resolvConfText(
  catalog: Catalog,
  { networks }: Pick<WorkloadRecord, "networks">,
  search: readonly string[],
): string | null {
  const gateways = networks.flatMap(({ id }) => catalog.networks.get(id)?.subnets.map(({ gateway }) => gateway) ?? [])
  return gateways.length === 0 ? null : workloadResolvConf(gateways, search)
}
