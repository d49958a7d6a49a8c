/**
 * What a program asks the kernel to change: it runs under strace, and every netlink request that is not a question is a
 * write. This sees requests that change nothing, too, which a monitor does not.
 */
import type { Machine } from "./machine.ts"

const TRACE = "strace -f -qq -s 8 -e trace=sendto,sendmsg,execve,mount,umount2 -o"
const WRITE = /nlmsg_type=\S*(RTM_NEW|RTM_DEL|RTM_SET|NFT_MSG_NEW|NFT_MSG_DEL)\w+|\bu?mount2?\(/

/** The words to put in front of a command; what it did is then found in `file` on the machine. */
export function traced(file: string): string[] {
  return [...TRACE.split(" "), file]
}

/** Every request to make, change or delete something, and every mount, a line each. */
export function writesIn(machine: Machine, file: string): string[] {
  return machine
    .read(file)
    .split("\n")
    .filter((line) => WRITE.test(line))
}
