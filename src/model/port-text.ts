/** Published ports as people read them. By itself, so that the command line need not load what checks them. */
import type { HostPorts, PortMapping } from "./port-mapping.ts"

/** `0.0.0.0:8080->80/tcp`, as docker shows it. */
export function showPortMapping(mapping: PortMapping): string {
  return `${hostPortsText(mapping)}->${rangeText(mapping.port, mapping.count)}/${mapping.protocol}`
}

/** The node's side alone: `0.0.0.0:8080`. */
export function hostPortsText({ address, hostPort, count }: HostPorts): string {
  const text = address?.includes(":") ? `[${address}]` : (address ?? "0.0.0.0")
  return `${text}:${rangeText(hostPort, count)}`
}

function rangeText(first: number, count: number): string {
  return count === 1 ? String(first) : `${first}-${first + count - 1}`
}
