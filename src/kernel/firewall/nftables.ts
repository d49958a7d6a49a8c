/**
 * Leaves no trace of a firewall that was not there before. Debian's iptables makes its tables and standard chains at
 * the first rule and has no way to remove them. Here one nf_tables transaction does, and only where all are empty: with
 * NLM_F_NONREC the kernel refuses to delete what is in use (nf_tables_api.c), and then nothing happens at all.
 */
import { isErrno, LinuxError } from "../../linux/errno.ts"
import { AF_NETLINK, bind, close, recv, SOCK_CLOEXEC, SOCK_RAW, send, socket } from "../../linux/libc.ts"

/** include/uapi/linux/netlink.h, netfilter/nfnetlink.h and netfilter/nf_tables.h. */
const NETLINK_NETFILTER = 12
const NFNL_MSG_BATCH_BEGIN = 0x10
const NFNL_MSG_BATCH_END = 0x11
const NFNL_SUBSYS_NFTABLES = 10
const NFT_MSG_DELTABLE = 2
const NFT_MSG_DELCHAIN = 5
const NFTA_TABLE_NAME = 1
const NFTA_CHAIN_TABLE = 1
const NFTA_CHAIN_NAME = 3
const NLM_F_REQUEST = 1
const NLM_F_ACK = 4
const NLM_F_NONREC = 0x100
const NLMSG_ERROR = 2
const HEADER_BYTES = 20
const RECEIVE_BYTES = 8_192
const MSG_DONTWAIT = 0x40
const AF_INET = 2
const AF_INET6 = 10

/** Deletes a table with its standard chains if no rule and no other chain is in it. True if it did. */
export function deleteEmptyTable(family: 4 | 6, table: string, chains: readonly string[]): boolean {
  const nfFamily = family === 4 ? AF_INET : AF_INET6
  const flags = NLM_F_REQUEST | NLM_F_ACK | NLM_F_NONREC
  const subsystem = NFNL_SUBSYS_NFTABLES << 8
  const messages = [
    message(NFNL_MSG_BATCH_BEGIN, NLM_F_REQUEST, 0, NFNL_SUBSYS_NFTABLES, []),
    ...chains.map((chain) =>
      message(subsystem | NFT_MSG_DELCHAIN, flags, nfFamily, 0, [
        [NFTA_CHAIN_TABLE, table],
        [NFTA_CHAIN_NAME, chain],
      ]),
    ),
    message(subsystem | NFT_MSG_DELTABLE, flags, nfFamily, 0, [[NFTA_TABLE_NAME, table]]),
    message(NFNL_MSG_BATCH_END, NLM_F_REQUEST, 0, NFNL_SUBSYS_NFTABLES, []),
  ]
  return transact(Buffer.concat(messages), chains.length + 1)
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

/** The batch is taken or refused as a whole. A refusal because something is in use, or not there, is no error. */
function transact(batch: Buffer, acknowledgements: number): boolean {
  const fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER)
  try {
    const address = new Uint8Array(12)
    address[0] = AF_NETLINK
    bind(fd, address)
    send(fd, batch, batch.length)
    for (let seen = 0; seen < acknowledgements; seen++) {
      const errno = receiveError(fd)
      if (errno === null) return false
      if (errno === 0) continue
      const error = new LinuxError("nf_tables: delete an empty table", errno)
      if (isErrno(error, "EBUSY", "ENOENT", "EOPNOTSUPP", "EINVAL")) return false
      throw error
    }
    return true
  } catch (error) {
    // A kernel without nf_tables: then iptables has its rules elsewhere.
    if (isErrno(error, "EPROTONOSUPPORT", "EOPNOTSUPP")) return false
    throw error
  } finally {
    close(fd)
  }
}

/** The error number of the next acknowledgement; null when none is left. */
function receiveError(fd: number): number | null {
  const into = Buffer.alloc(RECEIVE_BYTES)
  const length = recv(fd, into, MSG_DONTWAIT)
  if (length < HEADER_BYTES || into.readUInt16LE(4) !== NLMSG_ERROR) return null
  return -into.readInt32LE(16)
}
