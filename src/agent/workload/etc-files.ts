/**
 * The files that a workload sees as its own /etc/hosts, /etc/hostname and /etc/resolv.conf. /etc/hosts names every
 * endpoint of the workload's networks, on all nodes, and is rewritten in place as they come and go.
 */
import type { Catalog } from "../../model/catalog.ts"
import { readIfThere } from "../files.ts"
import type { WorkloadRecord } from "./record.ts"

/** The text of a workload's /etc/hosts: itself first, then each other endpoint as `<name>` and `<name>.<network>`. */
export function hostsText(record: WorkloadRecord, catalog: Catalog): string {
  const lines = ["127.0.0.1\tlocalhost", "::1\tlocalhost ip6-localhost ip6-loopback"]
  const rows: { own: boolean; line: string }[] = []
  for (const network of record.networks) {
    for (const endpoint of catalog.endpointsOf(network.id)) {
      const own = endpoint.workload === record.name
      const names = [endpoint.workload, `${endpoint.workload}.${network.name}`]
      if (own && !names.includes(record.hostname)) names.unshift(record.hostname)
      rows.push({ own, line: `${endpoint.ip.split("/")[0]}\t${names.join(" ")}` })
    }
  }
  for (const row of rows) if (row.own) lines.push(row.line)
  for (const row of rows) if (!row.own) lines.push(row.line)
  return `${lines.join("\n")}\n`
}

/**
 * The host's resolvers, for the workload. A resolver on the host's loopback (systemd-resolved's stub) cannot be reached
 * from another namespace: then the file that names the real ones is taken, as Docker does.
 */
export function resolvConfText(): string {
  const own = readIfThere("/etc/resolv.conf") ?? ""
  if (!onlyLoopbackResolvers(own)) return own
  const real = readIfThere("/run/systemd/resolve/resolv.conf")
  return real !== null && !onlyLoopbackResolvers(real) ? real : own
}

function onlyLoopbackResolvers(text: string): boolean {
  const servers = [...text.matchAll(/^\s*nameserver\s+(\S+)/gm)].map((match) => match[1] ?? "")
  return servers.length > 0 && servers.every((server) => server.startsWith("127.") || server === "::1")
}
