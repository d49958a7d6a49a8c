/** A refusal of the kernel, told by the operation it answered and in words that say what to do. */
import { asOvlError, OvlError } from "../base/errors.ts"
import { LinuxError } from "../linux/errno.ts"
import { type Operation, renderOperation } from "../model/operation.ts"

/** `kernel_refused` unless it is one that people meet; an error that has a better code already keeps it. */
export function refused(operation: Operation, thrown: unknown): OvlError {
  const line = renderOperation(operation)
  if (!(thrown instanceof LinuxError)) {
    const error = asOvlError(thrown)
    return new OvlError(error.code, `${line}: ${error.message}`, { kind: error.kind, hint: error.hint, cause: thrown })
  }
  const detail = thrown.message.slice(thrown.operation.length + 2)
  const options = { cause: thrown }
  switch (thrown.errnoName) {
    case "EPERM":
    case "EACCES":
      return new OvlError("not_permitted", `${line}: ${detail}`, {
        ...options,
        kind: "forbidden",
        hint: "run the daemon as root (it needs CAP_NET_ADMIN and CAP_SYS_ADMIN)",
      })
    case "EOPNOTSUPP":
      return new OvlError("kernel_unsupported", `${line}: ${detail}`, {
        ...options,
        hint: "this kernel lacks what it needs: try `modprobe vxlan bridge veth` (CONFIG_VXLAN, CONFIG_BRIDGE, CONFIG_VETH)",
      })
    case "EADDRINUSE":
      return new OvlError("vxlan_port_taken", `${line}: ${detail}`, {
        ...options,
        kind: "conflict",
        hint: "another program listens on the VXLAN port: look at `ss -ulnp`",
      })
    case "EEXIST":
      if (operation.op === "veth-add") return interfaceTaken(operation, options)
      break
  }
  return new OvlError("kernel_refused", `${line}: ${detail}`, { ...options, kind: thrown.kind })
}

function interfaceTaken(operation: Extract<Operation, { op: "veth-add" }>, options: { cause: unknown }): OvlError {
  const { peer, name } = operation
  return new OvlError("ifname_taken", `interface ${peer.name} in ${peer.ns}: the name is taken (or ${name} is here)`, {
    ...options,
    kind: "conflict",
    hint: "choose another with --ifname, or leave it out for the next free one",
  })
}
