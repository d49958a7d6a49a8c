/** How probes leave this host and reach it: the real sockets, behind a port that a test can stand in for. */
import { asOvlError } from "../base/errors.ts"
import { PROBE_BUFFER_BYTES, VXLAN_PORT } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import { openUdpTap, sendUnfragmented, type Tap } from "../linux/udp-tap.ts"
import { type Family, familyOf, ipBytes } from "../model/address.ts"
import { formatIpv4 } from "../model/cidr.ts"
import { PROBE_WORDS } from "../model/probe-packet.ts"

export interface ProbeWire {
  /** Null when it is on its way, else the kernel's word for why not. Never throws. */
  send(from: string, to: string, payload: Uint8Array): string | null
  /** Whether probes of the address's family are heard at all. */
  hears(address: string): boolean
  close(): void
}

/** `source` is null where it is not known. */
export type OnProbePacket = (payload: Uint8Array, source: string | null) => void

/** A host without IPv6, or that denies raw sockets, hears nothing of that kind: the log says so. Never throws. */
export function openProbeWire(onPacket: OnProbePacket, log: Log): ProbeWire {
  const deaf = new Set<Family>()
  const taps = ([4, 6] as const).flatMap((family): Tap[] => {
    const failed = (error: unknown) => {
      deaf.add(family)
      log.info("probes of other nodes are not heard", { family, why: asOvlError(error).message })
    }
    try {
      return [
        openUdpTap({
          family,
          port: VXLAN_PORT,
          words: PROBE_WORDS,
          bufferBytes: PROBE_BUFFER_BYTES,
          onPacket: (payload, source) => onPacket(payload, source && textOf(source)),
          onFailed: failed,
        }),
      ]
    } catch (error) {
      failed(error)
      return []
    }
  })
  return {
    send: (from, to, payload) => {
      try {
        return sendUnfragmented({ from: ipBytes(from), to: ipBytes(to), port: VXLAN_PORT, payload })
      } catch (error) {
        return asOvlError(error).message
      }
    },
    hears: (address) => !deaf.has(familyOf(address)),
    close: () => {
      for (const tap of taps) tap.close()
    },
  }
}

function textOf(source: Uint8Array): string {
  return formatIpv4(new DataView(source.buffer, source.byteOffset).getUint32(0))
}
