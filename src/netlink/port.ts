/** A bridge's port and its flags, as `bridge link` has them. */
import {
  AF_BRIDGE,
  IFLA_BRPORT_BCAST_FLOOD,
  IFLA_BRPORT_ISOLATED,
  IFLA_BRPORT_LEARNING,
  IFLA_BRPORT_LOCKED,
  IFLA_BRPORT_MCAST_FLOOD,
  IFLA_BRPORT_MODE,
  IFLA_BRPORT_NEIGH_SUPPRESS,
  IFLA_BRPORT_UNICAST_FLOOD,
  IFLA_PROTINFO,
  RTM_SETLINK,
} from "./constants.ts"
import type { AttributeReader } from "./message.ts"
import type { RequestTarget } from "./socket.ts"

export interface BridgePort {
  /** Isolated ports do not speak to each other, only to others. */
  isolated: boolean
  learning: boolean
  /** Only frames whose source has a row on this port come in. */
  locked: boolean
  /** Frames to unknown unicast, multicast, broadcast addresses go out here. */
  flood: boolean
  mcastFlood: boolean
  bcastFlood: boolean
  neighSuppress: boolean
  /** Frames may go out where they came in. */
  hairpin: boolean
}

const ATTRIBUTES: Record<keyof BridgePort, number> = {
  isolated: IFLA_BRPORT_ISOLATED,
  learning: IFLA_BRPORT_LEARNING,
  locked: IFLA_BRPORT_LOCKED,
  flood: IFLA_BRPORT_UNICAST_FLOOD,
  mcastFlood: IFLA_BRPORT_MCAST_FLOOD,
  bcastFlood: IFLA_BRPORT_BCAST_FLOOD,
  neighSuppress: IFLA_BRPORT_NEIGH_SUPPRESS,
  hairpin: IFLA_BRPORT_MODE,
}
const FLAGS = Object.keys(ATTRIBUTES) as (keyof BridgePort)[]
const FLAG_OF = new Map(FLAGS.map((flag) => [ATTRIBUTES[flag], flag]))

/** Changes flags of the port with this index; the others stay. EINVAL-like refusals if it is no port: EOPNOTSUPP. */
export function setPort(target: RequestTarget, index: number, flags: Partial<BridgePort>): void {
  const writer = target.begin(RTM_SETLINK, 0)
  // `struct ifinfomsg`
  writer.u32(AF_BRIDGE)
  writer.u32(index)
  writer.u32(0)
  writer.u32(0)
  const nest = writer.nest(IFLA_PROTINFO)
  for (const flag of FLAGS) {
    const value = flags[flag]
    if (value !== undefined) writer.attributeU8(ATTRIBUTES[flag], value ? 1 : 0)
  }
  writer.endNest(nest)
  target.end()
}

/** Reads the IFLA_BRPORT_* attributes. */
export function decodePort(attributes: AttributeReader): BridgePort {
  const port: BridgePort = {
    isolated: false,
    learning: false,
    locked: false,
    flood: false,
    mcastFlood: false,
    bcastFlood: false,
    neighSuppress: false,
    hairpin: false,
  }
  while (attributes.next()) {
    const flag = FLAG_OF.get(attributes.type)
    if (flag !== undefined) port[flag] = attributes.u8() === 1
  }
  return port
}

/** The flags named in a request: ` isolated on learning off`. */
export function portFlags(attributes: AttributeReader): string {
  let text = ""
  while (attributes.next()) {
    const flag = FLAG_OF.get(attributes.type)
    if (flag !== undefined) text += ` ${flag} ${attributes.u8() === 1 ? "on" : "off"}`
  }
  return text
}
