/**
 * Makes a vxlan device. The request goes to the host's socket, so its UDP socket stays in the host's namespace, and
 * names the hidden one as the place for the device: it is never seen among the host's links, where others would rename
 * or re-address it, and there is no moving that could be interrupted.
 */
import { OvlError } from "../base/errors.ts"
import { VNI_RELEASE_STEP_MS, VNI_RELEASE_WAIT_MS } from "../base/limits.ts"
import { isErrno } from "../linux/errno.ts"
import type { Operation } from "../model/operation.ts"
import { link } from "../netlink/index.ts"
import { vniTaken } from "./errors.ts"
import type { NamespaceSockets, OpenNamespace } from "./namespace-sockets.ts"
import { findVniOwner, removeOwner } from "./vni-owner.ts"

type VxlanAdd = Extract<Operation, { op: "vxlan-add" }>

/** Errors: `vni_taken_on_host` (conflict), `netns_not_found`, `device_not_found`, or the kernel's. */
export function addVxlan(sockets: NamespaceSockets, operation: VxlanAdd): void {
  const made = sockets.with(operation.ns, (hidden) => {
    try {
      create(sockets, hidden, operation)
    } catch (error) {
      if (!isErrno(error, "EEXIST") || link.get(hidden.socket, operation.name) !== null) throw error
      clearTheWay(sockets, operation)
      createAgain(sockets, hidden, operation)
    }
    return true
  })
  if (made === null) {
    throw new OvlError("netns_not_found", `${operation.ns}: no such namespace`, { kind: "not_found" })
  }
}

function create(sockets: NamespaceSockets, hidden: OpenNamespace, operation: VxlanAdd): void {
  const { name, vni, local, port, mac, mtu, master, alias, proxy } = operation
  const index = link.indexOf(hidden.socket, master)
  if (index === null) throw new OvlError("device_not_found", `${master}: no such device`, { kind: "not_found" })
  link.add(sockets.host, {
    kind: "vxlan",
    name,
    vni,
    local,
    port,
    mac,
    mtu,
    learning: false,
    proxy,
    namespace: hidden.fd,
    master: index,
    up: true,
  })
  link.set(hidden.socket, name, { alias })
}

/** Where nobody is found who has the VNI, it is waited for, in steps: most likely the kernel is just taking it apart. */
function createAgain(
  sockets: NamespaceSockets,
  hidden: OpenNamespace,
  operation: VxlanAdd,
  waitMs = VNI_RELEASE_WAIT_MS,
): void {
  try {
    create(sockets, hidden, operation)
  } catch (error) {
    if (!isErrno(error, "EEXIST")) throw error
    if (waitMs <= 0) throw vniTaken(operation, null)
    Bun.sleepSync(VNI_RELEASE_STEP_MS)
    createAgain(sockets, hidden, operation, waitMs - VNI_RELEASE_STEP_MS)
  }
}

/** Removes a stale device of ours that has the VNI, or says who has it. */
function clearTheWay(sockets: NamespaceSockets, operation: VxlanAdd): void {
  const { vni, port } = operation
  const owner = findVniOwner(sockets.host, vni, port)
  if (owner?.ours) return removeOwner(owner)
  if (owner !== null) throw vniTaken(operation, owner)
}
