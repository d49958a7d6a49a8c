/** Two hosts on an underlay and a host outside, for tests on the real kernel; and what was seen on a wire. */
import { dirname, join } from "node:path"
import { AF_PACKET, close, MSG_DONTWAIT, recv, SOCK_CLOEXEC, SOCK_RAW, socket } from "../../src/linux/libc.ts"
import { withNamespace } from "../../src/linux/namespaces.ts"
import { looseSandbox } from "../support/netns.ts"
import type { ClusterParts, HostAnswer, HostCommand } from "./overlay-host.ts"

const HOST_PROGRAM = join(dirname(import.meta.path), "overlay-host.ts")
/** htons(ETH_P_ALL), include/uapi/linux/if_ether.h. */
const ETH_P_ALL_BE = 0x0300
const FRAME_MAX_BYTES = 65_536

export interface TestHost {
  /** What the process is in: `/proc/<pid>/root/run/netns/<name>` leads to its namespaces. */
  readonly pid: number
  /** Path of its network namespace, from outside. */
  readonly path: string
  /** The operations that were necessary, as text; empty when all was well. */
  reconcile(nodeId: string, parts: ClusterParts): Promise<string>
  /** A line for bash, in the host; what it printed. */
  shell(command: string): Promise<string>
  addWorkload(name: string): Promise<void>
  removeWorkload(name: string): Promise<void>
  purge(): Promise<string>
  stop(): Promise<void>
  inventory(): Promise<Record<string, string[]>>
  /** Path of a namespace pinned in the host, from outside. */
  namespacePath(name: string): string
}

export interface TwoHosts {
  h1: TestHost
  h2: TestHost
  /** 203.0.113.1; reached by both hosts through eth1, knows no way to a container address. */
  outside: { path: string; run(command: string): string }
  /** Ends the hosts and removes their namespaces; for `afterAll`. */
  stop(): Promise<void>
}

/** `h1` has 192.168.1.51 and 203.0.113.51, `h2` .52; eth0 is the underlay. */
export async function twoHosts(): Promise<TwoHosts> {
  const box = looseSandbox()
  const [one, two, outside] = ["h1", "h2", "outside"].map((label) => box.namespace(label))
  if (!one || !two || !outside) throw new Error("no namespaces")
  one.run(["sh", "-c", `ip link add eth0 type veth peer eth0 netns /proc/self/fd/9 9<${two.path}`])
  one.run(["sh", "-c", `ip link add eth1 type veth peer o1 netns /proc/self/fd/9 9<${outside.path}`])
  two.run(["sh", "-c", `ip link add eth1 type veth peer o2 netns /proc/self/fd/9 9<${outside.path}`])
  for (const [host, last] of [
    [one, 51],
    [two, 52],
  ] as const) {
    for (const device of ["lo", "eth0", "eth1"]) host.run(`ip link set ${device} up`)
    host.run(`ip addr add 192.168.1.${last}/24 dev eth0`)
    host.run(`ip addr add 203.0.113.${last}/24 dev eth1`)
  }
  outside.run("ip link add lan0 type bridge")
  for (const device of ["o1", "o2"]) outside.run(`ip link set ${device} master lan0`)
  for (const device of ["lo", "lan0", "o1", "o2"]) outside.run(`ip link set ${device} up`)
  outside.run("ip addr add 203.0.113.1/24 dev lan0")
  const hosts = { h1: startHost(one.path), h2: startHost(two.path) }
  return {
    ...hosts,
    outside: { path: outside.path, run: (command) => outside.run(["sh", "-c", command]) },
    stop: async () => {
      await hosts.h1.stop()
      await hosts.h2.stop()
      box.cleanup()
    },
  }
}

export function startHost(path: string): TestHost {
  const setup = 'mount -t tmpfs none /run && mkdir -p /run/netns /run/ovl && exec "$@"'
  const argv = ["unshare", "-m", "--propagation", "private", "sh", "-c", setup, "sh", process.execPath, HOST_PROGRAM]
  const child = withNamespace(path, () => Bun.spawn(argv, { stdin: "pipe", stdout: "pipe", stderr: "inherit" }))
  const answers = lines(child.stdout)
  let turn: Promise<unknown> = Promise.resolve()
  const ask = (command: HostCommand): Promise<string> => {
    const answer = turn.then(async () => {
      child.stdin.write(`${JSON.stringify(command)}\n`)
      child.stdin.flush()
      const { value, done } = await answers.next()
      if (done) throw new Error(`host ${path}: the process ended`)
      const said = JSON.parse(value) as HostAnswer
      if (!said.ok) throw new Error(`${said.code}: ${said.message}`)
      return said.value
    })
    turn = answer.catch(() => {})
    return answer
  }
  return {
    pid: child.pid,
    path,
    reconcile: (nodeId, parts) => ask({ do: "reconcile", nodeId, parts }),
    shell: (command) => ask({ do: "shell", command }),
    addWorkload: async (name) => void (await ask({ do: "workload", path: `/run/netns/${name}` })),
    removeWorkload: async (name) => void (await ask({ do: "removeWorkload", path: `/run/netns/${name}` })),
    purge: () => ask({ do: "purge" }),
    stop: async () => {
      child.stdin.end()
      child.kill()
      await child.exited
    },
    inventory: async () => JSON.parse(await ask({ do: "inventory" })),
    namespacePath: (name) => `/proc/${child.pid}/root/run/netns/${name}`,
  }
}

async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, undefined> {
  const decoder = new TextDecoder()
  let rest = ""
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n")
    rest = parts.pop() ?? ""
    yield* parts
  }
}

export interface Capture {
  /** All frames since the last call, sent and received, on every device of the namespace. */
  frames(): Buffer[]
  close(): void
}

export function capture(namespace: string): Capture {
  const fd = withNamespace(namespace, () => socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, ETH_P_ALL_BE))
  const into = Buffer.alloc(FRAME_MAX_BYTES)
  return {
    frames: () => {
      const seen: Buffer[] = []
      for (let length = recv(fd, into, MSG_DONTWAIT); length >= 0; length = recv(fd, into, MSG_DONTWAIT)) {
        seen.push(Buffer.from(into.subarray(0, length)))
      }
      return seen
    },
    close: () => close(fd),
  }
}

/** A frame as a line: `arp`, `ip 1.2.3.4 > 5.6.7.8 proto 1`, `vxlan 256 1.1.1.1 > 2.2.2.2: <inner>`. */
export function describeFrame(frame: Buffer): string {
  const type = frame.readUInt16BE(12)
  if (type === 0x0806) return "arp"
  if (type !== 0x0800) return `type 0x${type.toString(16).padStart(4, "0")}`
  const header = 14 + (frame.readUInt8(14) & 15) * 4
  const route = `${[...frame.subarray(26, 30)].join(".")} > ${[...frame.subarray(30, 34)].join(".")}`
  const protocol = frame.readUInt8(23)
  if (protocol === 17 && frame.readUInt16BE(header + 2) === 4789) {
    return `vxlan ${frame.readUIntBE(header + 12, 3)} ${route}: ${describeFrame(frame.subarray(header + 16))}`
  }
  return `ip ${route} proto ${protocol}`
}

export function describeFrames(frames: readonly Buffer[]): string[] {
  return [...new Set(frames.map(describeFrame))].sort()
}
