/**
 * Where an attach spends its time: a few of them under strace, whose durations of system calls are summed by stage. The
 * tracing slows everything down; the shares are what it is for.
 */
import { readFileSync, rmSync } from "node:fs"
import { join } from "node:path"
import type { Client } from "../../src/client/client.ts"
import type { TestNode } from "../../test/support/cluster.ts"
import { timed } from "./statistics.ts"

const ATTACHES = 20
const STRACE_READY_MS = 500

/** The calls that make up a stage; what is in none of them is JavaScript, waiting, and small change. */
const STAGES: Record<string, RegExp> = {
  "namespace made and entered": /^(unshare|mount|setns)\(/,
  "kernel's work on links, addresses, routes": /^(sendto\(\d+, \[+\{nlmsg_len|recvmmsg|recvfrom\(\d+, \[+\{nlmsg_len)/,
  "store on disk": /^(fdatasync|pwrite64|writev)\(/,
  "files of the workload and log": /^(openat|write|mkdir|rename|fsync|ftruncate|close)\(/,
}

export async function profileAttach(node: TestNode, client: Client, say: (line: string) => void): Promise<void> {
  const file = join(node.dataDir, "..", "attach.strace")
  const pid = node.daemon!.pid
  const strace = Bun.spawn(["strace", "-f", "-qq", "-T", "-s", "1", "-o", file, "-p", String(pid)], {
    stderr: "ignore",
  })
  await Bun.sleep(STRACE_READY_MS)
  let total = 0
  const names = Array.from({ length: ATTACHES }, (_, n) => `profiled${n}`)
  for (const name of names) total += await timed(() => client.run({ networks: ["red"], name, detach: true }))
  strace.kill("SIGINT")
  await strace.exited
  for (const name of names) await client.removeWorkload(name, { force: true })
  const sums = sumByStage(readFileSync(file, "utf8"))
  rmSync(file)
  say(`attach: ${(total / ATTACHES).toFixed(2)} ms each under strace, of which`)
  for (const [stage, { ms, calls }] of sums)
    say(`attach:   ${(ms / ATTACHES).toFixed(2)} ms  ${stage} (${(calls / ATTACHES).toFixed(1)} calls)`)
}

/** Lines of strace: `PID call(...) = result <seconds>`; those of calls that were cut in two count where they end. */
function sumByStage(trace: string): Map<string, { ms: number; calls: number }> {
  const sums = new Map(Object.keys(STAGES).map((stage) => [stage, { ms: 0, calls: 0 }]))
  for (const line of trace.split("\n")) {
    const match = /^\d+ +(?:<\.\.\. (\w+) resumed>|(.*)) .*<([\d.]+)>$/.exec(line)
    if (!match) continue
    const call = match[1] === undefined ? match[2]! : `${match[1]}(`
    const stage = Object.keys(STAGES).find((each) => STAGES[each]!.test(call))
    const sum = stage === undefined ? undefined : sums.get(stage)
    if (!sum) continue
    sum.ms += Number(match[3]) * 1000
    sum.calls++
  }
  return sums
}
