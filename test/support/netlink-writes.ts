/**
 * What a program asks the kernel to change: it runs under strace, and every netlink request that is not a question is a
 * write. This sees requests that change nothing, too, which a monitor does not.
 */
import type { Machine } from "./machine.ts"

const TRACE = "strace -f -qq -s 8 -e trace=sendto,sendmsg,pwrite64,mount,umount2 -o"
const NAMED = /nlmsg_type=\S*(RTM_NEW|RTM_DEL|RTM_SET|NFT_MSG_NEW|NFT_MSG_DEL)\w+|\bu?mount2?\(/
/** Sends that wait in the kernel together are writes of the C library's threads, which try a file's way first: deletions. */
const TOGETHER = /\bpwrite64\(.* = -1 ESPIPE|<\.\.\. pwrite64 resumed>.* = -1 ESPIPE/
/** On a socket of another namespace strace cannot name the requests: of four rtnetlink types the third asks. */
const UNNAMED = /nlmsg_type=0x([0-9a-f]+) /g

/** Of three nf_tables types (new, get, delete) the second asks. */
const NF_TABLES = 10

/** The words to put in front of a command; what it did is then found in `file` on the machine. */
export function traced(file: string): string[] {
  return [...TRACE.split(" "), file]
}

/** Every call that makes, changes or deletes something, a line each. */
export function writesIn(machine: Machine, file: string): string[] {
  return machine
    .read(file)
    .split("\n")
    .filter((line) => NAMED.test(line) || TOGETHER.test(line) || isUnnamedWrite(line))
}

function isUnnamedWrite(line: string): boolean {
  const types = [...line.matchAll(UNNAMED)].map((found) => Number.parseInt(found[1] ?? "", 16))
  return types.some((type) => (type >> 8 === NF_TABLES ? (type & 0xff) % 3 !== 1 : (type & 3) !== 2))
}
