/**
 * The files that a workload sees as its own /etc/hosts, /etc/hostname and /etc/resolv.conf. /etc/hosts names every
 * endpoint of the workload's networks, on all nodes, and is rewritten in place as they come and go.
 */
import type { Catalog } from "../../model/catalog.ts"
import { readIfThere } from "../files.ts"
import type { WorkloadRecord } from "./record.ts"

const LOCALHOST = "127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"

/** The lines of one network, each with its end of line, and where a workload's own one stands among them. */
interface NetworkLines {
  text: string
  own: Map<string, { start: number; end: number }>
}

/**
 * The /etc/hosts of workloads as the catalog is now: itself first, then each other endpoint as `<name>` and
 * `<name>.<network>`. What the workloads of a network have in common is put together once for all of them, so that a
 * change in a network of many costs each little. To be used at once and forgotten, as the catalog goes on.
 */
export class HostsTexts {
  readonly #catalog: Catalog
  readonly #networks = new Map<string, NetworkLines>()

  constructor(catalog: Catalog) {
    this.#catalog = catalog
  }

  of(record: Pick<WorkloadRecord, "name" | "hostname" | "networks">): string {
    let [own, others] = ["", ""]
    for (const network of record.networks) {
      const lines = this.#linesOf(network)
      const place = lines.own.get(record.name)
      const { start, end } = place ?? { start: 0, end: 0 }
      own += withHostname(lines.text.slice(start, end), record.hostname)
      others += lines.text.slice(0, start) + lines.text.slice(end)
    }
    return LOCALHOST + own + others
  }

  #linesOf({ id, name }: { id: string; name: string }): NetworkLines {
    const known = this.#networks.get(id)
    if (known) return known
    const lines: NetworkLines = { text: "", own: new Map() }
    for (const { ip, workload } of this.#catalog.endpointsOf(id)) {
      const line = `${ip.split("/")[0]}\t${workload} ${workload}.${name}\n`
      lines.own.set(workload, { start: lines.text.length, end: lines.text.length + line.length })
      lines.text += line
    }
    this.#networks.set(id, lines)
    return lines
  }
}

/** A workload's own line, with the name that it gives itself in front where that is not among the names. */
function withHostname(line: string, hostname: string): string {
  const [address = "", names = ""] = line.split("\t")
  return line === "" || names.trimEnd().split(" ").includes(hostname) ? line : `${address}\t${hostname} ${names}`
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
