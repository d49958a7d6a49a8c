/** Hosts in a row on one underlay of both families, for tests on the real kernel; one switch between them. */
import { looseSandbox } from "../support/netns.ts"
import type { ClusterParts } from "./overlay-host.ts"
import { startHost, type TestHost } from "./overlay-lab.ts"

export interface HostRow {
  hosts: TestHost[]
  /** Each host's node is `nodeIdOf(index)`; what they had to do, as text. */
  reconcile(parts: ClusterParts): Promise<string>
  /** The underlay's MTU, at every host. */
  setMtu(bytes: number): void
  stop(): Promise<void>
}

export function nodeIdOf(index: number): string {
  return String(index + 1).repeat(64)
}

/** Host `n` (from 0) has 192.168.1.51+n and fd00:1::51+n (in decimal digits) on eth0. */
export function hostRow(count: number): HostRow {
  const box = looseSandbox()
  const middle = box.namespace("switch")
  middle.run("ip link add lan0 type bridge mcast_snooping 0")
  middle.run("ip link set lan0 up")
  const rooms = Array.from({ length: count }, (_, n) => {
    const room = box.namespace(`h${n + 1}`)
    room.run(["sh", "-c", `ip link add eth0 type veth peer p${n} netns /proc/self/fd/9 9<${middle.path}`])
    middle.run(`ip link set p${n} master lan0 up`)
    for (const device of ["lo", "eth0"]) room.run(`ip link set ${device} up`)
    room.run(`ip addr add 192.168.1.${51 + n}/24 dev eth0`)
    room.run(`ip addr add fd00:1::${51 + n}/64 dev eth0 nodad`)
    return room
  })
  const hosts = rooms.map((room) => startHost(room.path))
  return {
    hosts,
    reconcile: async (parts) => {
      let text = ""
      for (const [n, host] of hosts.entries()) text += await host.reconcile(nodeIdOf(n), parts)
      return text
    },
    setMtu: (bytes) => {
      middle.run(`ip link set lan0 mtu ${bytes}`)
      for (const [n, room] of rooms.entries()) {
        middle.run(`ip link set p${n} mtu ${bytes}`)
        room.run(`ip link set eth0 mtu ${bytes}`)
      }
    },
    stop: async () => {
      for (const host of hosts) await host.stop()
      box.cleanup()
    },
  }
}
