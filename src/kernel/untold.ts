/**
 * What may change without the kernel telling anybody: sysctls, what is pinned at a path, and rules of the old back end.
 * The watch looks at it every now and then.
 */
import { openSync, readSync } from "node:fs"
import { isErrno } from "../linux/errno.ts"
import { namespaceId, withNamespace } from "../linux/namespaces.ts"
import { EGRESS_BRIDGE_NAME, type NamespacePath } from "../model/dataplane.ts"
import { hasIptables, saveRules } from "./firewall/iptables.ts"
import { isHiddenPath } from "./namespace-sockets.ts"
import { EGRESS_ROUTERS_KEY, LOOPBACK_KEY } from "./observe.ts"
import { readSysctl, sysctlPath } from "./sysctl.ts"

/** Of a device that comes to be in a hidden namespace. */
const HIDDEN_SYSCTL = "net.ipv6.conf.default.disable_ipv6"
const HOST_SYSCTLS = [
  "net.ipv4.ip_forward",
  `net.ipv4.conf.${EGRESS_BRIDGE_NAME}.forwarding`,
  `net.ipv6.conf.${EGRESS_BRIDGE_NAME}.disable_ipv6`,
  LOOPBACK_KEY,
  EGRESS_ROUTERS_KEY,
  "net.ipv6.conf.all.forwarding",
  "net.bridge.bridge-nf-call-iptables",
  "net.bridge.bridge-nf-call-ip6tables",
]

/** More than a switch says. */
const SYSCTL_TEXT_BYTES = 16

/** In the host's namespace; `remembered`: the keys that ovl has changed. */
export function hostSysctls(remembered: readonly string[]): string {
  return [...HOST_SYSCTLS, ...remembered].map((key) => readSysctl(key)).join()
}

/** All rules, without the counters and comments, which change by themselves; empty without iptables. */
export function rulesText(): string {
  try {
    return [4 as const, 6 as const]
      .map((family) => (hasIptables(family) ? saveRules(family) : ""))
      .join("")
      .replace(/^#.*$/gm, "")
      .replace(/\[\d+:\d+\]/g, "")
  } catch {
    return ""
  }
}

/**
 * HIDDEN_SYSCTL of a hidden namespace, for `sysctlsIn`; null elsewhere, and where nothing is. It keeps nothing alive, and
 * the caller closes it. Opened once and read again and again: looking a path up below /proc/sys/net in one namespace
 * after another takes the kernel a hundred times as long as the reading.
 */
export function openHiddenSysctl(path: NamespacePath): number | null {
  if (!isHiddenPath(path)) return null
  try {
    return withNamespace(path, () => openSync(sysctlPath(HIDDEN_SYSCTL), "r"))
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "ESRCH", "EINVAL", "ENOTTY")) return null
    throw error
  }
}

const sysctlText = Buffer.alloc(SYSCTL_TEXT_BYTES)

/** What it says now; empty where there is none. */
export function sysctlsIn(fd: number | null): string {
  if (fd === null) return ""
  try {
    return sysctlText.toString("latin1", 0, readSync(fd, sysctlText, 0, SYSCTL_TEXT_BYTES, 0))
  } catch (error) {
    // The namespace is gone.
    if (isErrno(error, "ENOENT", "EINVAL", "EIO")) return ""
    throw error
  }
}

/** Null where nothing is pinned. */
export function inodeOf(path: NamespacePath): number | null {
  try {
    return namespaceId(path).ino
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "ESRCH")) return null
    throw error
  }
}
