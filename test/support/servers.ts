/** Clusters of several servers, for tests of the whole program: how they come to be, and what each says of the others. */
import { join } from "node:path"
import type { RaftView } from "../../src/model/raft.ts"
import { TestCluster, type TestNode } from "./cluster.ts"
import { type Done, until } from "./machine.ts"

/** What a busy machine may take for an election, a start, or a state to be loaded. */
const SETTLE_TIMEOUT_MS = 30_000
/** Longer than any node waits for a leader before it says that there is none. */
const REQUEST_TIMEOUT_MS = 5_000
const LOAD_PROGRAM = join(import.meta.dir, "load-program.ts")

/** The first begins a cluster, the others join it; all of them vote when this resolves. */
export async function startServers(names: string[], more: string[] = []): Promise<TestCluster> {
  const cluster = await TestCluster.start({ nodes: [...names, ...more], start: false })
  try {
    const servers = names.map((name) => cluster.node(name))
    const [first, ...others] = servers
    await first!.serve()
    for (const each of others) await joinServer(each, first!)
    await allVote(servers)
    return cluster
  } catch (error) {
    const logs = cluster.nodes.map((node) => `${node.name}: ${node.daemon?.stderr.slice(-2_000)}`).join("\n")
    await cluster.close()
    throw new Error(`${(error as Error).message}\n${logs}`)
  }
}

/** Starts one more server with a new token of `via`; it may still be on its way to its vote when this resolves. */
export function joinServer(node: TestNode, via: TestNode): Promise<void> {
  const token = via.ovl("token create --role server")
  const self = ["--name", node.name, "--advertise", node.address]
  return node.launch(["join", via.address, "--server", "--token", token, ...self])
}

export function raftOf(node: TestNode): RaftView {
  return node.json<RaftView>("raft ls")
}

/** Resolves when each of them says that these and no others vote, are alive, and have one leader, and that all is well. */
export async function allVote(servers: readonly TestNode[], timeoutMs = SETTLE_TIMEOUT_MS): Promise<void> {
  const wanted = servers.map(({ name }) => `${name} voter alive`).sort()
  const seen = (node: TestNode) => {
    const done = node.try("raft ls --json")
    return done.status === 0 ? describeServers(JSON.parse(done.stdout) as RaftView) : failureOf(done)
  }
  const said = () => servers.map((node) => `${node.name}: ${seen(node)}; ${lastLine(node.try("status"))}`).join("\n")
  for (const node of servers) {
    const expected = wanted.join(", ")
    await until(
      () => seen(node) === expected,
      () => `all of ${expected} vote:\n${said()}`,
      timeoutMs,
    )
    // The records say so too, a moment later than the servers themselves.
    await until(
      () => node.nodes().filter((row) => row.voter).length === servers.length,
      () => `their records say so: ${node.ovl("node ls")}`,
      timeoutMs,
    )
  }
}

function describeServers({ leader, servers }: RaftView): string {
  if (leader === null) return "no leader"
  return servers.map(({ name, role, state }) => `${name} ${role === "leader" ? "voter" : role} ${state}`).join(", ")
}

function failureOf(done: Done): string {
  return `exit ${done.status}: ${done.stderr.trim()}`
}

function lastLine({ stdout }: Done): string {
  return stdout.trim().split("\n").at(-1) ?? ""
}

/** The server that leads, by what those that are up say; waits until there is one. */
export async function leaderOf(servers: readonly TestNode[]): Promise<TestNode> {
  let found: TestNode | undefined
  await until(
    () => {
      for (const node of servers) {
        if (!node.daemon?.running) continue
        const done = node.try("raft ls --json")
        const name = done.status === 0 ? (JSON.parse(done.stdout) as RaftView).leader : null
        found = servers.find((each) => each.name === name && each.daemon?.running)
        if (found) return true
      }
      return false
    },
    "there is a leader",
    SETTLE_TIMEOUT_MS,
  )
  return found!
}

/** Ends with the first try that has exit status 0; throws what the last one said when it takes too long. */
export async function succeeds(node: TestNode, line: string | readonly string[]): Promise<Done> {
  let done: Done = { status: -1, stdout: "", stderr: "" }
  await until(
    () => {
      done = node.try(line)
      return done.status === 0
    },
    () => `${node.name}: ovl ${line} succeeds: ${failureOf(done)}`,
    SETTLE_TIMEOUT_MS,
  )
  return done
}

/** One request to a node's socket, from outside of its machine; null where no whole answer came in time. */
export async function http(node: TestNode, method: string, target: string, body?: string): Promise<string | null> {
  const unix = node.machine.file("/run/ovl/ovl.sock")
  try {
    const signal = AbortSignal.timeout(REQUEST_TIMEOUT_MS)
    const answer = await fetch(`http://ovl${target}`, { method, body, unix, signal })
    const text = await answer.text()
    return answer.ok ? text : null
  } catch {
    return null
  }
}

export interface LoadResult {
  /** Keys and their values. */
  acknowledged: [key: string, value: string][]
  failed: number
  /** The longest time between two acknowledged writes. */
  longestGapMs: number
}

/** Keys written one after the other, now at this node, now at that one, by a process of its own. */
export class Load {
  readonly #prefix: string
  readonly #program: Bun.Subprocess<"pipe", "pipe", "inherit">
  result: LoadResult = { acknowledged: [], failed: 0, longestGapMs: 0 }

  constructor(nodes: readonly TestNode[], prefix: string) {
    this.#prefix = prefix
    const sockets = nodes.map(({ machine }) => machine.file("/run/ovl/ovl.sock"))
    this.#program = Bun.spawn([process.execPath, LOAD_PROGRAM, prefix, ...sockets], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
    })
  }

  async stop(): Promise<LoadResult> {
    void this.#program.stdin.end()
    this.result = JSON.parse(await new Response(this.#program.stdout).text()) as LoadResult
    await this.#program.exited
    return this.result
  }

  /** Keys whose write was acknowledged and that the node does not have as they were written. */
  async missingAt(node: TestNode): Promise<string[]> {
    const text = (await http(node, "GET", `/v1/kv/${this.#prefix}/?recurse`)) ?? "[]"
    const rows = JSON.parse(text) as { Key: string; Value: string }[]
    const there = new Map(rows.map(({ Key, Value }) => [Key, Buffer.from(Value, "base64").toString()]))
    return this.result.acknowledged.filter(([key, value]) => there.get(key) !== value).map(([key]) => key)
  }
}

/** All that the store shows on this node by itself: keys and sessions, with their indexes, networks and endpoints. */
async function dump(node: TestNode): Promise<string> {
  const stored = ["/v1/kv/?recurse&stale", "/v1/session/list?stale"].map((target) => http(node, "GET", target))
  const records = ["/api/v1/networks", "/api/v1/endpoints"].map((target) => http(node, "GET", target))
  const sorted = (await Promise.all(records)).map((text) => {
    const rows = JSON.parse(text ?? "[]") as { id: string; name: string }[]
    return rows.map(({ id, name }) => `${id} ${name}`).sort()
  })
  return [...(await Promise.all(stored)), ...sorted.flat()].join("\n")
}

/** Resolves when the dumps of all are equal, which they are a moment after the last write. */
export async function dumpsEqual(nodes: readonly TestNode[]): Promise<void> {
  const end = performance.now() + SETTLE_TIMEOUT_MS
  for (;;) {
    const dumps = await Promise.all(nodes.map(dump))
    if (dumps.every((text) => text === dumps[0] && text.length > 0)) return
    if (performance.now() > end) throw new Error(`the stores differ: ${firstDifference(dumps)}`)
    await Bun.sleep(50)
  }
}

function firstDifference([first = "", ...others]: string[]): string {
  const other = others.find((text) => text !== first) ?? ""
  let at = 0
  while (at < first.length && first[at] === other[at]) at++
  return `at ${at}: ${first.slice(at - 80, at + 80)} // ${other.slice(at - 80, at + 80)}`
}
