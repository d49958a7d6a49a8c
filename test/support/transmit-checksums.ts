/**
 * Does what `ethtool -K DEVICE tx on|off` does, where ethtool is not installed: whether a device is left to fill in the
 * checksums of what it sends, or the kernel does. Without `on` or `off` it says which. A program, to be run on a test's
 * machine.
 */
import { ptr } from "bun:ffi"
import { AF_PACKET, close, ioctl, SOCK_DGRAM, socket } from "../../src/linux/libc.ts"

/** include/uapi/linux/sockios.h and ethtool.h */
const SIOCETHTOOL = 0x8946
const ETHTOOL_GTXCSUM = 0x16
const ETHTOOL_STXCSUM = 0x17
/** `struct ifreq`: a name of 16 bytes, then here a pointer. */
const IFREQ_BYTES = 40

if (import.meta.main) {
  const [device = "", wanted] = process.argv.slice(2)
  const value = Uint32Array.of(wanted ? ETHTOOL_STXCSUM : ETHTOOL_GTXCSUM, wanted === "on" ? 1 : 0)
  const request = Buffer.alloc(IFREQ_BYTES)
  request.write(device)
  request.writeBigUInt64LE(BigInt(ptr(value)), 16)
  const fd = socket(AF_PACKET, SOCK_DGRAM, 0)
  ioctl(fd, SIOCETHTOOL, request, `SIOCETHTOOL ${device}`)
  close(fd)
  console.log(value[1] === 1 ? "on" : "off")
}
