/**
 * Leaves no trace of a firewall that was not there before. Debian's iptables makes its tables and standard chains at
 * the first rule and has no way to remove them. Here one nf_tables transaction does, and only where all are empty: with
 * NLM_F_NONREC the kernel refuses to delete what is in use (nf_tables_api.c), and then nothing happens at all.
 */
import { isErrno, LinuxError } from "../../linux/errno.ts"
import { AF_NETLINK, bind, close, MSG_DONTWAIT, recv, SOCK_CLOEXEC, SOCK_RAW, send, socket } from "../../linux/libc.ts"

/** include/uapi/linux/netlink.h, netfilter/nfnetlink.h and netfilter/nf_tables.h. */
const NETLINK_NETFILTER = 12
const NFNL_MSG_BATCH_BEGIN = 0x10
const NFNL_MSG_BATCH_END = 0x11
const NFNL_SUBSYS_NFTABLES = 10
const SUBSYSTEM = NFNL_SUBSYS_NFTABLES << 8
const NFT_MSG_DELTABLE = 2
const NFT_MSG_GETCHAIN = 4
const NFT_MSG_DELCHAIN = 5
const NFTA_TABLE_NAME = 1
const NFTA_CHAIN_TABLE = 1
const NFTA_CHAIN_NAME = 3
const NLM_F_REQUEST = 1
const NLM_F_ACK = 4
const NLM_F_NONREC = 0x100
const NLM_F_DUMP = 0x300
const NLMSG_ERROR = 2
const NLMSG_DONE = 3
const HEADER_BYTES = 20
const RECEIVE_BYTES = 65_536
const AF_INET = 2
const AF_INET6 = 10

/** Deletes a table with its standard chains if no rule and no other chain is in it. True if it did. */
export function deleteEmptyTable(family: 4 | 6, table: string, standardChains: readonly string[]): boolean {
  const nfFamily = family === 4 ? AF_INET : AF_INET6
  const fd = openSocket()
  if (fd === null) return false
  try {
    const chains = listChains(fd, nfFamily, table)
    if (chains.some((chain) => !standardChains.includes(chain))) return false
    return deleteAll(fd, nfFamily, table, chains)
  } finally {
    close(fd)
  }
}

/** Null on a kernel without nf_tables: then iptables has its rules elsewhere. */
function openSocket(): number | null {
  let fd: number
  try {
    fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER)
  } catch (error) {
    if (isErrno(error, "EPROTONOSUPPORT", "EOPNOTSUPP")) return null
    throw error
  }
  const address = new Uint8Array(12)
  address[0] = AF_NETLINK
  bind(fd, address)
  return fd
}

/** iptables makes only those standard chains that it needs, and prints them all; so the kernel is asked. */
function listChains(fd: number, nfFamily: number, table: string): string[] {
  const request = message(SUBSYSTEM | NFT_MSG_GETCHAIN, NLM_F_REQUEST | NLM_F_DUMP, nfFamily, 0, [])
  send(fd, request, request.length)
  const chains: string[] = []
  for (let ended = false; !ended; ) {
    const into = receive(fd)
    if (into === null) return chains
    for (let at = 0; at + HEADER_BYTES <= into.length; at += (into.readUInt32LE(at) + 3) & ~3) {
      const type = into.readUInt16LE(at + 4)
      if (type === NLMSG_DONE || type === NLMSG_ERROR) ended = true
      else {
        const texts = textsOf(into.subarray(at + HEADER_BYTES, at + into.readUInt32LE(at)))
        if (texts.get(NFTA_CHAIN_TABLE) === table) chains.push(texts.get(NFTA_CHAIN_NAME) ?? "")
      }
    }
  }
  return chains
}

/** Attributes as texts; those that are none are of no interest here. */
function textsOf(attributes: Buffer): Map<number, string> {
  const texts = new Map<number, string>()
  for (let at = 0; at + 4 <= attributes.length; ) {
    const length = attributes.readUInt16LE(at)
    if (length < 4) break
    texts.set(attributes.readUInt16LE(at + 2), attributes.toString("utf8", at + 4, at + length - 1))
    at += (length + 3) & ~3
  }
  return texts
}

/** One transaction: taken or refused as a whole. A refusal because something is in use, or not there, is no error. */
function deleteAll(fd: number, nfFamily: number, table: string, chains: readonly string[]): boolean {
  const flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_NONREC
  const messages = [
    message(NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST, 0, NFNL_SUBSYS_NFTABLES, []),
    ...chains.map((chain) =>
      message(SUBSYSTEM | NFT_MSG_DELCHAIN, flags, nfFamily, 0, [
        [NFTA_CHAIN_TABLE, table],
        [NFTA_CHAIN_NAME, chain],
      ]),
    ),
    message(SUBSYSTEM | NFT_MSG_DELTABLE, flags, nfFamily, 0, [[NFTA_TABLE_NAME, table]]),
    message(NFNL_MSG_BATCH_END, NLM_F_REQUEST, 0, NFNL_SUBSYS_NFTABLES, []),
  ]
  const batch = Buffer.concat(messages)
  send(fd, batch, batch.length)
  for (let seen = 0; seen <= chains.length; seen++) {
    const answer = receive(fd)
    if (answer === null || answer.readUInt16LE(4) !== NLMSG_ERROR) return false
    const errno = -answer.readInt32LE(16)
    if (errno === 0) continue
    const error = new LinuxError("nf_tables: delete an empty table", errno)
    if (isErrno(error, "EBUSY", "ENOENT", "EOPNOTSUPP", "EINVAL")) return false
    throw error
  }
  return true
}

/** The next datagram; null when none is left. */
function receive(fd: number): Buffer | null {
  const into = Buffer.alloc(RECEIVE_BYTES)
  const length = recv(fd, into, MSG_DONTWAIT)
  return length < HEADER_BYTES ? null : into.subarray(0, length)
}

/** `struct nlmsghdr` and `struct nfgenmsg`, then attributes of text. */
function message(type: number, flags: number, family: number, resource: number, texts: [number, string][]): Buffer {
  const attributes = texts.map(([attribute, text]) => {
    const length = 4 + Buffer.byteLength(text) + 1
    const bytes = Buffer.alloc((length + 3) & ~3)
    bytes.writeUInt16LE(length, 0)
    bytes.writeUInt16LE(attribute, 2)
    bytes.write(text, 4)
    return bytes
  })
  const body = Buffer.concat(attributes)
  const header = Buffer.alloc(HEADER_BYTES)
  header.writeUInt32LE(HEADER_BYTES + body.length, 0)
  header.writeUInt16LE(type, 4)
  header.writeUInt16LE(flags, 6)
  header.writeUInt8(family, 16)
  header.writeUInt16BE(resource, 18)
  return Buffer.concat([header, body])
}
