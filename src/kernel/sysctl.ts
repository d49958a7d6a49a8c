/**
 * Sysctls of a network namespace, through /proc/sys/net: that tree belongs to the namespace of whoever opens it, whereas
 * `/sys` shows the one in which it was mounted.
 */
import { readdirSync, readFileSync, writeFileSync } from "node:fs"
import { OvlError } from "../base/errors.ts"
import { isErrno } from "../linux/errno.ts"
import { withNamespace } from "../linux/namespaces.ts"
import { HOST_NAMESPACE, type NamespacePath } from "../model/dataplane.ts"
import type { Remembered } from "./remembered.ts"

/** `net.ipv4.conf.eth0/100.forwarding` is /proc/sys/net/ipv4/conf/eth0.100/forwarding, as sysctl(8) has it. */
export function sysctlPath(key: string): string {
  return `/proc/sys/${key.replace(/[./]/g, (separator) => (separator === "." ? "/" : "."))}`
}

/** The value, or null where the kernel has no such key (a device that is gone, IPv6 compiled out). */
export function readSysctl(key: string): string | null {
  try {
    return readFileSync(sysctlPath(key), "utf8").trim()
  } catch (error) {
    if (isErrno(error, "ENOENT")) return null
    throw error
  }
}

/**
 * Writes a value in a namespace, unless it is there already. With `remembered`, what it was is noted first. A kernel
 * without IPv6 has nothing to switch off, so those keys may be missing. Errors: `sysctl_failed`.
 */
export function writeSysctl(ns: NamespacePath, key: string, value: string, remembered: Remembered | null): void {
  const write = () => {
    const before = readSysctl(key)
    if (before === value) return
    if (before === null) {
      if (key.startsWith("net.ipv6.")) return
      throw new OvlError("sysctl_failed", `sysctl -w ${key}=${value}: no such key`)
    }
    remembered?.change((facts) => {
      facts.sysctls[key] ??= before
      if (key === ALL_IPV6_FORWARDING) for (const each of ipv6Routers(before)) facts.sysctls[each] ??= "1"
    })
    try {
      writeFileSync(sysctlPath(key), value)
    } catch (error) {
      throw new OvlError("sysctl_failed", `sysctl -w ${key}=${value}: ${(error as Error).message}`, {
        hint: "/proc/sys must be writable: in a container, run it privileged",
        cause: error,
      })
    }
  }
  if (ns === HOST_NAMESPACE) write()
  else withNamespace(ns, write)
}

/** Writing this one writes those of all devices, and of `default`. */
const ALL_IPV6_FORWARDING = "net.ipv6.conf.all.forwarding"

/** Keys of the devices that are routers where the host is none: they are told so again once it is none. */
function ipv6Routers(all: string): string[] {
  if (all !== "0") return []
  const keys = readdirSync("/proc/sys/net/ipv6/conf").map(
    (name) => `net.ipv6.conf.${name.replaceAll(".", "/")}.forwarding`,
  )
  return keys.filter((key) => readSysctl(key) === "1")
}

/**
 * Puts the remembered values back. Where the whole host forwards by now, that is somebody else's wish, and switching
 * single devices off would break it. Returns the keys that were written.
 */
export function restoreSysctls(remembered: Remembered): string[] {
  const { sysctls } = remembered.read()
  if (Object.keys(sysctls).length === 0) return []
  const restored: string[] = []
  const hostForwards = readSysctl("net.ipv4.ip_forward") === "1"
  for (const [key, value] of Object.entries(sysctls)) {
    if (hostForwards && key.startsWith("net.ipv4.") && key.endsWith(".forwarding")) continue
    const now = readSysctl(key)
    if (now === null || now === value) continue
    writeFileSync(sysctlPath(key), value)
    restored.push(`sysctl ${key}=${value}`)
  }
  remembered.change((facts) => {
    facts.sysctls = {}
  })
  return restored
}
