/** A refusal of the kernel, told by the operation it answered and in words that say what to do. */
import { asOvlError, OvlError } from "../base/errors.ts"
import { APPLY_FAILURES_NAMED_MAX } from "../base/limits.ts"
import { isErrno, LinuxError } from "../linux/errno.ts"
import { type Operation, renderOperation } from "../model/operation.ts"

/** `kernel_refused` unless it is one that people meet; an error that has a better code already keeps it. */
export function refused(operation: Operation, thrown: unknown): OvlError {
  const line = renderOperation(operation)
  if (isErrno(thrown, "EPERM", "EACCES")) {
    return new OvlError("not_permitted", `${line}: ${(thrown as Error).message}`, {
      cause: thrown,
      kind: "forbidden",
      hint: "run the daemon as root (it needs CAP_NET_ADMIN and CAP_SYS_ADMIN)",
    })
  }
  if (!(thrown instanceof LinuxError)) {
    const error = asOvlError(thrown)
    return new OvlError(error.code, `${line}: ${error.message}`, { kind: error.kind, hint: error.hint, cause: thrown })
  }
  const detail = thrown.message.slice(thrown.operation.length + 2)
  const options = { cause: thrown }
  switch (thrown.errnoName) {
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

export interface Failure {
  operation: Operation
  error: OvlError
}

/** The first failure, and how many there were. */
export function summary(failures: readonly Failure[]): OvlError {
  const first = failures[0]!.error
  if (failures.length === 1) return first
  const others = failures.slice(1, APPLY_FAILURES_NAMED_MAX).map(({ operation }) => renderOperation(operation))
  const message = `${first.message} (and ${failures.length - 1} more, such as: ${others.join("; ")})`
  return new OvlError(first.code, message, { kind: first.kind, hint: first.hint, cause: first })
}

/**
 * Somebody else has the VNI; `owner` null where it is not to be found. The way to it is by `nsenter`: `ip -n` takes names
 * only, and a namespace that no more than a process holds has none.
 */
export function vniTaken(
  { vni, port }: Extract<Operation, { op: "vxlan-add" }>,
  owner: { where: string; device: string } | null,
): OvlError {
  const whose = owner
    ? `${owner.device} in ${owner.where} has it`
    : "a device has it that is in no namespace we can see, or is just being removed"
  const enter = owner && owner.where !== "host" ? `nsenter --net=${owner.where} ` : ""
  return new OvlError("vni_taken_on_host", `VNI ${vni}, UDP port ${port}: ${whose}`, {
    kind: "conflict",
    hint: owner
      ? `remove it (${enter}ip link del ${owner.device}), or create the network with another --vni`
      : "try again, or create the network with another --vni",
  })
}
