/** Addresses of interfaces, IPv4 and IPv6, as `ip address` has them. */
import {
  AF_INET,
  AF_INET6,
  AF_UNSPEC,
  IFA_ADDRESS,
  IFA_BROADCAST,
  IFA_F_NODAD,
  IFA_F_PERMANENT,
  IFA_FLAGS,
  IFA_LABEL,
  IFA_LOCAL,
  NLM_F_CREATE,
  NLM_F_EXCL,
  NLM_F_REPLACE,
  RTM_DELADDR,
  RTM_GETADDR,
  RTM_NEWADDR,
} from "./constants.ts"
import { attributesAfter, type MessageWriter, type ReceivedMessage } from "./message.ts"
import type { NetlinkSocket, RequestTarget } from "./socket.ts"
import { addressBytes, splitPrefix } from "./text.ts"

/** `struct ifaddrmsg`. */
const IFADDRMSG_BYTES = 8
const IFA_F_DADFAILED = 0x08
const IFA_F_TENTATIVE = 0x40

export type Family = 4 | 6

export interface AddressSpec {
  /** Interface index. */
  index: number
  /** With its prefix: `10.65.10.1/24`. */
  address: string
  /** IPv4 only; none if left out, as with `ip`. */
  broadcast?: string
  /** 0 universe, 253 link, 254 host. */
  scope?: number
  /** IPv6: usable at once, no duplicate address detection. */
  nodad?: boolean
}

export interface Address {
  index: number
  family: Family
  address: string
  prefixLength: number
  broadcast: string | null
  scope: number
  label: string | null
  permanent: boolean
  /** IPv6: duplicate address detection is not through, or has failed. */
  tentative: boolean
  dadFailed: boolean
}

function put(target: RequestTarget, type: number, flags: number, spec: AddressSpec): void {
  const { address, length } = splitPrefix(spec.address)
  const writer = target.begin(type, flags)
  writer.u8(addressBytes(address) === 4 ? AF_INET : AF_INET6)
  writer.u8(length)
  writer.u8(spec.nodad === true ? IFA_F_NODAD : 0)
  writer.u8(spec.scope ?? 0)
  writer.u32(spec.index)
  writer.attributeAddress(IFA_LOCAL, address)
  writer.attributeAddress(IFA_ADDRESS, address)
  if (spec.broadcast !== undefined) writer.attributeAddress(IFA_BROADCAST, spec.broadcast)
  target.end()
}

/** Adds an address; its subnet's route comes with it. EEXIST if the interface has it. */
export function add(target: RequestTarget, spec: AddressSpec): void {
  put(target, RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, spec)
}

/** Adds an address, or keeps it where it is already. */
export function replace(target: RequestTarget, spec: AddressSpec): void {
  put(target, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, spec)
}

/** Removes an address. EADDRNOTAVAIL if the interface does not have it. */
export function del(target: RequestTarget, spec: Pick<AddressSpec, "index" | "address">): void {
  put(target, RTM_DELADDR, 0, { index: spec.index, address: spec.address })
}

export interface AddressFilter {
  index?: number
  family?: Family
}

export function familyNumber(family: Family | undefined): number {
  return family === undefined ? AF_UNSPEC : family === 4 ? AF_INET : AF_INET6
}

/** The addresses of a namespace, or of one interface. */
export function list(socket: NetlinkSocket, filter: AddressFilter = {}): Address[] {
  const build = (writer: MessageWriter) => {
    writer.u32(familyNumber(filter.family))
    writer.u32(filter.index ?? 0)
  }
  const found = socket.dump(RTM_GETADDR, RTM_NEWADDR, build, decodeAddress)
  return filter.index === undefined ? found : found.filter((one) => one.index === filter.index)
}

/** Decodes an RTM_NEWADDR or RTM_DELADDR message; null for families other than IPv4 and IPv6. */
export function decodeAddress(message: ReceivedMessage): Address | null {
  const attributes = attributesAfter(message, IFADDRMSG_BYTES)
  const { view, start } = message
  const family = view.getUint8(start)
  if (family !== AF_INET && family !== AF_INET6) return null
  let flags = view.getUint8(start + 2)
  const found: Address = {
    index: view.getUint32(start + 4, true),
    family: family === AF_INET ? 4 : 6,
    address: "",
    prefixLength: view.getUint8(start + 1),
    broadcast: null,
    scope: view.getUint8(start + 3),
    label: null,
    permanent: false,
    tentative: false,
    dadFailed: false,
  }
  let local: string | null = null
  while (attributes.next()) {
    if (attributes.type === IFA_LOCAL) local = attributes.address()
    else if (attributes.type === IFA_ADDRESS) found.address = attributes.address() ?? ""
    else if (attributes.type === IFA_BROADCAST) found.broadcast = attributes.address()
    else if (attributes.type === IFA_LABEL) found.label = attributes.string()
    else if (attributes.type === IFA_FLAGS) flags = attributes.u32()
  }
  // On a point-to-point link IFA_ADDRESS is the other side's: IFA_LOCAL is one's own.
  found.address = local ?? found.address
  found.permanent = (flags & IFA_F_PERMANENT) !== 0
  found.tentative = (flags & IFA_F_TENTATIVE) !== 0
  found.dadFailed = (flags & IFA_F_DADFAILED) !== 0
  return found
}
