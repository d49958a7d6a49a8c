/** The token bucket at the root of an interface, as `tc qdisc ... tbf` has it: a limit to what the interface sends. */
import { AF_UNSPEC, NLM_F_CREATE, NLM_F_REPLACE } from "./constants.ts"
import { attributesAfter, type MessageWriter, type ReceivedMessage } from "./message.ts"
import type { NetlinkSocket, RequestTarget } from "./socket.ts"
import { NetlinkError } from "./errors.ts"

// include/uapi/linux/rtnetlink.h and pkt_sched.h
const RTM_NEWQDISC = 36
const RTM_DELQDISC = 37
const RTM_GETQDISC = 38
const TC_H_ROOT = 0xffffffff
const TCA_KIND = 1
const TCA_OPTIONS = 2
const TCA_TBF_PARMS = 1
const TCA_TBF_BURST = 6
/** With it the kernel reckons packet sizes itself and wants no table of them. */
const TC_LINKLAYER_ETHERNET = 1
/** `struct tcmsg`. */
const TCMSG_BYTES = 20
/** Of `struct tc_tbf_qopt`: after cell_log, linklayer, overhead, cell_align and mpu comes the rate. */
const RATE_OFFSET = 8
const KIND = "tbf"

export interface TokenBucketSpec {
  /** Interface index. */
  index: number
  /** Bytes a second, below 2^32. */
  rateBytes: number
  /** What may pass at once; packets that are longer are cut or dropped. */
  burstBytes: number
  /** What may wait. */
  limitBytes: number
}

export interface TokenBucket {
  index: number
  rateBytes: number
}

function putHeader(writer: MessageWriter, index: number): void {
  writer.u32(AF_UNSPEC)
  writer.u32(index)
  writer.u32(0)
  writer.u32(TC_H_ROOT)
  writer.u32(0)
}

/** `struct tc_ratespec`. */
function putRate(writer: MessageWriter, rateBytes: number): void {
  writer.u8(0)
  writer.u8(rateBytes === 0 ? 0 : TC_LINKLAYER_ETHERNET)
  writer.u16(0)
  writer.u32(0)
  writer.u32(rateBytes)
}

/** Puts it in the place of whatever is at the root. Refusals: ENOENT where the kernel has no tbf. */
export function replace(target: RequestTarget, spec: TokenBucketSpec): void {
  const writer = target.begin(RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE)
  putHeader(writer, spec.index)
  writer.attributeString(TCA_KIND, KIND)
  const options = writer.nest(TCA_OPTIONS)
  const parameters = writer.nest(TCA_TBF_PARMS, 0)
  putRate(writer, spec.rateBytes)
  // No peak rate.
  putRate(writer, 0)
  writer.u32(spec.limitBytes)
  writer.u32(0)
  writer.u32(0)
  writer.endNest(parameters)
  writer.attributeU32(TCA_TBF_BURST, spec.burstBytes)
  writer.endNest(options)
  target.end()
}

/** Takes away what is at the root of an interface; the kernel's own is no refusal. */
export function del(target: RequestTarget, index: number): void {
  putHeader(target.begin(RTM_DELQDISC, 0), index)
  try {
    target.end()
  } catch (error) {
    if (!(error instanceof NetlinkError) || error.errnoName !== "ENOENT") throw error
  }
}

/** The token buckets at the roots of the namespace's interfaces; none in a kernel without traffic control. */
export function list(socket: NetlinkSocket): TokenBucket[] {
  try {
    return socket.dump(RTM_GETQDISC, RTM_NEWQDISC, (writer) => putHeader(writer, 0), decode)
  } catch (error) {
    if (error instanceof NetlinkError && error.errnoName === "EOPNOTSUPP") return []
    throw error
  }
}

function decode(message: ReceivedMessage): TokenBucket | null {
  const reader = attributesAfter(message, TCMSG_BYTES)
  const index = message.view.getUint32(message.start + 4, true)
  const isRoot = message.view.getUint32(message.start + 12, true) === TC_H_ROOT
  let kind = ""
  let rateBytes = 0
  while (reader.next()) {
    if (reader.type === TCA_KIND) kind = reader.string()
    else if (reader.type === TCA_OPTIONS) {
      const options = reader.nested()
      while (options.next())
        if (options.type === TCA_TBF_PARMS) rateBytes = message.view.getUint32(options.start + RATE_OFFSET, true)
    }
  }
  return isRoot && kind === KIND ? { index, rateBytes } : null
}
