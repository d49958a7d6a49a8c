/** The host's resolv.conf(5), read; and the one that a workload gets, written. */
import { DNS_CLIENT_TIMEOUT_S, DNS_RESOLVERS_MAX } from "../base/limits.ts"
import { isAddress } from "../model/cidr.ts"

export interface ResolvConf {
  /** At most as many as programs look at. An IPv6 address may name its interface: `fe80::1%eth0`. */
  servers: string[]
  search: string[]
}

/** Reads it as the C library does: the last `search` or `domain` counts, what is not understood is passed over. */
export function parseResolvConf(text: string): ResolvConf {
  const servers: string[] = []
  let search: string[] = []
  for (const line of text.split("\n")) {
    const [word, ...rest] = line
      .replace(/[#;].*$/, "")
      .trim()
      .split(/\s+/)
    const [first = ""] = rest
    if (word === "nameserver" && isAddress(first.split("%")[0] ?? "") && servers.length < DNS_RESOLVERS_MAX)
      servers.push(first)
    if (word === "search" || word === "domain") search = word === "search" ? rest : rest.slice(0, 1)
  }
  return { servers, search }
}

/**
 * The file of a workload with these gateways. With `ndots:0` a name is first asked for as it stands, so that neither
 * `<workload>` nor `<workload>.<network>` is looked for in the host's domains before: a resolver outside that knows any
 * name there would answer for it, and a dead one would make it wait. What nobody knows is then tried in the host's
 * domains (by glibc; musl does not, with ndots:0). `timeout` is for musl, which waits for so long after a failure.
 */
export function workloadResolvConf(gateways: readonly string[], search: readonly string[]): string {
  const domains = search.filter((domain) => domain !== ".")
  return [
    ...(domains.length > 0 ? [`search ${domains.join(" ")}`] : []),
    ...gateways.slice(0, DNS_RESOLVERS_MAX).map((gateway) => `nameserver ${gateway}`),
    `options ndots:0 timeout:${DNS_CLIENT_TIMEOUT_S}`,
    "",
  ].join("\n")
}
