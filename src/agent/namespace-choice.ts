/** Which namespace an attach means, and which interface name is free there. */
import { existsSync } from "node:fs"
import { OvlError } from "../base/errors.ts"
import { INTERFACES_PER_NAMESPACE_MAX } from "../base/limits.ts"
import type { Kernel } from "../kernel/port.ts"
import { HOST_NAMESPACE, NETNS_DIRECTORY } from "../model/dataplane.ts"
import type { AttachSpec } from "../model/endpoint.ts"
import { checkIfname } from "../model/name-rule.ts"

export interface ChosenNamespace {
  path: string
  /** Device and inode. */
  id: string
}

/**
 * The namespace by path, by `ip netns` name or by pid. Errors: netns_missing and netns_ambiguous (usage), pid_not_found
 * and netns_not_found (not_found), netns_invalid, netns_is_host.
 */
export function resolveNamespace(spec: AttachSpec, kernel: Pick<Kernel, "identify">): ChosenNamespace {
  if ((spec.netns === undefined) === (spec.pid === undefined))
    throw new OvlError("netns_ambiguous", "cannot attach: name the namespace by netns or by pid, by one of them", {
      kind: "usage",
      hint: "--netns PATH or --pid PID",
    })
  const path = spec.pid === undefined ? netnsPath(spec.netns!) : `/proc/${spec.pid}/ns/net`
  const id = kernel.identify(path)
  if (id === null) throw notNamespace(spec, path)
  if (id === kernel.identify(HOST_NAMESPACE))
    throw new OvlError("netns_is_host", `cannot attach to ${path}: it is the host's own network namespace`, {
      kind: "invalid",
      hint: "name a namespace that is separate from the host's",
    })
  if (path.startsWith(`${NETNS_DIRECTORY}/1-`))
    throw new OvlError("netns_is_hidden", `cannot attach to ${path}: it is where ovl keeps a network`, {
      kind: "invalid",
      hint: "name the namespace of a workload",
    })
  return { path, id }
}

function netnsPath(text: string): string {
  return text.includes("/") ? text : `${NETNS_DIRECTORY}/${text}`
}

function notNamespace(spec: AttachSpec, path: string): OvlError {
  if (existsSync(path))
    return new OvlError("netns_invalid", `cannot attach to ${path}: it is not a network namespace`, {
      kind: "invalid",
      hint: "`ip netns ls` lists the named ones; that of a process is given with --pid",
    })
  if (spec.pid !== undefined)
    return new OvlError("pid_not_found", `cannot attach to pid ${spec.pid}: no process ${spec.pid}`, {
      kind: "not_found",
      hint: "`ps` lists the processes; the pid is the one that this host sees",
    })
  return new OvlError("netns_not_found", `cannot attach to ${path}: no namespace ${path}`, {
    kind: "not_found",
    hint: "`ip netns ls` lists the named ones",
  })
}

/** Errors: ifname_invalid, ifname_taken (conflict). */
export function chooseIfname(name: string, taken: readonly string[]): string {
  checkIfname(name)
  if (!taken.includes(name)) return name
  throw new OvlError("ifname_taken", `cannot attach as ${name}: the namespace has an interface of that name`, {
    kind: "conflict",
    hint: "choose another with --ifname, or leave it out",
  })
}

/** The first of eth0, eth1, ... that is free. */
export function nextIfname(taken: readonly string[]): string {
  for (let n = 0; n < INTERFACES_PER_NAMESPACE_MAX; n++) if (!taken.includes(`eth${n}`)) return `eth${n}`
  throw new OvlError("ifname_exhausted", "cannot name the interface: the namespace has too many", {
    kind: "conflict",
    hint: "name it yourself with --ifname",
  })
}
