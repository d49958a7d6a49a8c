/** Who listens on a port of this host: what `ss -lntup` shows, from /proc/net (proc_net(5)) and the descriptors of processes. */
import { readdirSync, readFileSync, readlinkSync } from "node:fs"

export interface PortHolder {
  /** Null: it cannot be seen, without root; or no process has it. */
  pid: number | null
  /** The program's short name. */
  program: string | null
  /** Held by the kernel itself, as VXLAN devices do. */
  kernel: boolean
}

/** TCP_LISTEN, and TCP_CLOSE, which a UDP socket has that is bound and not connected (include/net/tcp_states.h). */
const LISTENING = { tcp: "0A", udp: "07" } as const

/** In this thread's network namespace, on whatever address; each socket once. */
export function portHolders(protocol: "tcp" | "udp", port: number): PortHolder[] {
  const inodes = [protocol, `${protocol}6`].flatMap((file) => {
    try {
      return inodesAt(protocol, port, readFileSync(`/proc/thread-self/net/${file}`, "latin1"))
    } catch {
      return [] // A kernel without IPv6 has no tables of it.
    }
  })
  const pids = pidsOf(new Set(inodes.filter((inode) => inode !== "0")))
  return inodes.map((inode) => {
    const pid = pids.get(inode) ?? null
    return { pid, program: pid === null ? null : programOf(pid), kernel: inode === "0" }
  })
}

/** The inodes of sockets that listen on the port, out of the text of /proc/net/{tcp,udp}; 0 for one of the kernel's own. */
export function inodesAt(protocol: "tcp" | "udp", port: number, text: string): string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, "0")
  return text.split("\n").flatMap((line) => {
    const [, local = "", , state = "", , , , , , inode = ""] = line.trim().split(/\s+/)
    return local.endsWith(`:${hex}`) && state === LISTENING[protocol] ? [inode] : []
  })
}

/** Looks through the descriptors of all processes that may be looked at. */
function pidsOf(inodes: ReadonlySet<string>): Map<string, number> {
  const found = new Map<string, number>()
  if (inodes.size === 0) return found
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue
    for (const target of descriptorsOf(name)) {
      const inode = /^socket:\[(\d+)\]$/.exec(target)?.[1]
      if (inode !== undefined && inodes.has(inode) && !found.has(inode)) found.set(inode, Number(name))
    }
    if (found.size === inodes.size) break
  }
  return found
}

function descriptorsOf(pid: string): string[] {
  try {
    const directory = `/proc/${pid}/fd`
    return readdirSync(directory).flatMap((fd) => {
      try {
        return [readlinkSync(`${directory}/${fd}`)]
      } catch {
        return []
      }
    })
  } catch {
    return [] // Another user's, or ended meanwhile.
  }
}

function programOf(pid: number): string | null {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim()
  } catch {
    return null
  }
}
