/** What the kernel answers when it refuses: error number, its own sentence if it has one, and what was asked for. */
import { OvlError } from "../base/errors.ts"
import { errnoText, LinuxError } from "../linux/errno.ts"

/** A request that the kernel refused: `link add vxlan1 ...: EEXIST, A VXLAN device with the specified VNI exists`. */
export class NetlinkError extends LinuxError {
  /** The kernel's own explanation (its extended acknowledgement); empty where it gave none. */
  readonly extended: string
  /** The request as an `ip` or `bridge` line would put it. */
  readonly request: string
  /** The request's place in its batch, from 0. */
  readonly index: number

  constructor(request: string, errno: number, extended: string, index: number) {
    super(request, errno, extended === "" ? errnoText(errno) : extended)
    this.name = "NetlinkError"
    this.extended = extended
    this.request = request
    this.index = index
  }
}

/** Bytes from the kernel that are no netlink message: never seen unless a buffer was too small or memory is bad. */
export function malformed(what: string): OvlError {
  return new OvlError("netlink_malformed", `reading a netlink message: ${what}`)
}
