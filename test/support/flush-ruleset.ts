/**
 * Does what `nft flush ruleset` does, or with a name `nft delete table ip NAME`, where nft is not installed: one
 * transaction that deletes tables with all that is in them. A program, to be run on a test's machine.
 */
import { AF_NETLINK, bind, close, recv, SOCK_RAW, send, socket } from "../../src/linux/libc.ts"

/** include/uapi/linux/netlink.h, netfilter/nfnetlink.h and netfilter/nf_tables.h */
const NETLINK_NETFILTER = 12
const BATCH_BEGIN = 0x10
const BATCH_END = 0x11
const SUBSYS_NFTABLES = 10
const DELTABLE = (SUBSYS_NFTABLES << 8) | 2
const TABLE_NAME = 1
const [REQUEST, ACK] = [1, 4]
const [AF_UNSPEC, AF_INET] = [0, 2]

function message(type: number, flags: number, family: number, resource: number, name?: string): Buffer {
  const length = name === undefined ? 0 : 4 + name.length + 1
  const bytes = Buffer.alloc(20 + ((length + 3) & ~3))
  bytes.writeUInt32LE(bytes.length, 0)
  bytes.writeUInt16LE(type, 4)
  bytes.writeUInt16LE(flags, 6)
  bytes.writeUInt8(family, 16)
  bytes.writeUInt16BE(resource, 18)
  if (name !== undefined) {
    bytes.writeUInt16LE(length, 20)
    bytes.writeUInt16LE(TABLE_NAME, 22)
    bytes.write(name, 24)
  }
  return bytes
}

if (import.meta.main) {
  const table = process.argv[2]
  const fd = socket(AF_NETLINK, SOCK_RAW, NETLINK_NETFILTER)
  const address = new Uint8Array(12)
  address[0] = AF_NETLINK
  bind(fd, address)
  const batch = Buffer.concat([
    message(BATCH_BEGIN, REQUEST, AF_UNSPEC, SUBSYS_NFTABLES),
    message(DELTABLE, REQUEST | ACK, table === undefined ? AF_UNSPEC : AF_INET, 0, table),
    message(BATCH_END, REQUEST, AF_UNSPEC, SUBSYS_NFTABLES),
  ])
  send(fd, batch, batch.length)
  const answer = Buffer.alloc(4_096)
  recv(fd, answer)
  close(fd)
  const errno = -answer.readInt32LE(16)
  if (errno !== 0) throw new Error(`nf_tables: error ${errno}`)
}
