/**
 * A run of real daemons under load with the recorder in them: one server, or two that both have to agree to everything,
 * so that what one answers must be on the other's disk too. They write one journal.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"
import { type StartOptions, TestCluster, type TestNode } from "../../test/support/cluster.ts"
import type { RaftView } from "../../src/model/raft.ts"
import { isWithinCall, type JournalEvent, readJournal, VoidRun } from "./journal.ts"
import { type History, Load } from "./load.ts"

export type Flush = "honest" | "late" | "never"

export interface RecordingOptions {
  seed: number
  servers: 1 | 2
  clients: number
  /** Of each client, in three parts: a third alone, a third while the second server joins, and the rest. */
  operations: number
  /** Whether the first server is killed (-9) and started again on the way. */
  restart: boolean
  /** What the recorder makes of flushes; all but `honest` are lies that must be found out. */
  flush: Flush
}

export interface RecordedMember {
  nodeId: string
  /** It votes since each client's operation of this number was answered; 0: it is the first server. */
  votesAfter: number
  /** The store's file as it was in the end. */
  file: Uint8Array
}

export interface Recording {
  events: JournalEvent[]
  history: History
  operations: number
  /** By the number in the journal. */
  members: Map<number, RecordedMember>
}

const SETTLE_MS = 20_000
const POLL_MS = 50
const KILL_ATTEMPTS = 50
const KILL_PAUSE_MS = 20

/** Throws `VoidRun` where the journal cannot be judged, and whatever goes wrong with daemons and load. */
export async function record(options: RecordingOptions): Promise<Recording> {
  const names = ["alpha", "beta"].slice(0, options.servers)
  const cluster = await TestCluster.start({ nodes: names, start: false })
  try {
    return await recordOn(cluster, options)
  } finally {
    await cluster.close()
  }
}

async function recordOn(cluster: TestCluster, options: RecordingOptions): Promise<Recording> {
  const journal = join(cluster.scratch, "journal")
  const library = compileRecorder(cluster.scratch)
  const preload = (node: TestNode): StartOptions => ({
    env: {
      LD_PRELOAD: library,
      POWERCUT_JOURNAL: journal,
      POWERCUT_FILE: storeFile(node),
      POWERCUT_MEMBER: `${cluster.nodes.indexOf(node) + 1}`,
      POWERCUT_FLUSH: options.flush,
    },
  })
  const [first, second] = cluster.nodes as [TestNode, TestNode | undefined]
  const load = new Load(options.clients, options.seed)
  const third = Math.ceil(options.operations / 3)
  const run = (): Promise<void> => load.run(first.machine.file("/run/ovl/ovl.sock"), third)
  await first.serve(preload(first))
  await run()
  // The second one is given the state, and then the log, while both grow.
  await Promise.all([run(), second === undefined ? null : joinAsVoter(second, first, preload(second))])
  if (options.restart) {
    await killBetweenCalls(first, () => readJournal(readFileSync(journal)))
    await first.resume(preload(first))
    if (second !== undefined) await bothVote(first)
  }
  await run()
  // The follower first: the leader does not have to elect anybody while it goes.
  for (const node of cluster.nodes.toReversed()) await node.stop()
  const members = cluster.nodes.map((node, i) => [i + 1, memberOf(node, i === 0 ? 0 : 2 * third)] as const)
  const { history, operations } = load
  return { events: readJournal(readFileSync(journal)), history, operations, members: new Map(members) }
}

/** Kills it at a moment of which is known what it has done: whether a call that was begun was carried out, nobody could say. */
async function killBetweenCalls(node: TestNode, journal: () => JournalEvent[]): Promise<void> {
  for (let attempt = 0; attempt < KILL_ATTEMPTS; attempt++) {
    node.daemon!.signal("SIGSTOP")
    await Bun.sleep(KILL_PAUSE_MS)
    const isBetween = !isWithinCall(journal(), 1)
    if (isBetween) node.daemon!.signal("SIGKILL")
    // The killed one too: what started it has stopped with it.
    node.daemon!.signal("SIGCONT")
    if (isBetween) return void (await node.stop())
    await Bun.sleep(KILL_PAUSE_MS)
  }
  throw new VoidRun("there was no moment in which the daemon wrote nothing")
}

function compileRecorder(dir: string): string {
  const library = join(dir, "journal.so")
  const source = join(import.meta.dir, "journal.c")
  const compiled = Bun.spawnSync(["tcc", "-Wall", "-Werror", "-nostdlib", "-shared", "-o", library, source])
  if (compiled.exitCode !== 0) throw new Error(`the recorder does not compile: ${compiled.stderr.toString()}`)
  return library
}

async function joinAsVoter(node: TestNode, server: TestNode, options: StartOptions): Promise<void> {
  const token = server.ovl("token create --role server")
  const words = ["join", server.address, "--server", "--token", token]
  await node.launch([...words, "--name", node.name, "--advertise", node.address], options)
  await bothVote(server)
}

/** With two voters nothing is decided without both. */
async function bothVote(server: TestNode): Promise<void> {
  const end = performance.now() + SETTLE_MS
  for (;;) {
    const done = server.try("raft ls --json")
    const roles = done.status === 0 ? (JSON.parse(done.stdout) as RaftView).servers.map(({ role }) => role) : []
    if (roles.sort().join() === "leader,voter") return
    if (performance.now() > end) throw new Error(`there are no two voters: ${done.stdout} ${done.stderr}`)
    await Bun.sleep(POLL_MS)
  }
}

function memberOf(node: TestNode, votesAfter: number): RecordedMember {
  const { nodeId } = JSON.parse(readFileSync(join(node.dataDir, "node.json"), "utf8")) as { nodeId: string }
  return { nodeId, votesAfter, file: readFileSync(storeFile(node)) }
}

function storeFile(node: TestNode): string {
  return join(node.dataDir, "store", "data.mdb")
}
