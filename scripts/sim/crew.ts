/** Worker processes, and what they have to say. */
import { join } from "node:path"
import type { Line, Work } from "./worker.ts"

/** A life takes a second: whoever says nothing for so long goes round in circles. */
const SILENCE_MAX_MS = 120_000

/** Runs one worker to its end, and gives each of its lines to `hear`; `hear` may end it with false. */
export async function runWorker(work: Work, hear: (line: Line) => boolean): Promise<void> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, "worker.ts"), JSON.stringify(work)], {
    stdin: "ignore",
    stdout: "pipe",
    stderr: "inherit",
  })
  let rest = ""
  const decoder = new TextDecoder()
  let goesOn = true
  let isSilent = false
  const watch = setInterval(() => {
    if (isSilent) child.kill()
    isSilent = true
  }, SILENCE_MAX_MS)
  for await (const bytes of child.stdout) {
    isSilent = false
    const lines = (rest + decoder.decode(bytes, { stream: true })).split("\n")
    rest = lines.pop() ?? ""
    for (const line of lines) if (goesOn) goesOn = hear(JSON.parse(line) as Line)
    if (!goesOn) child.kill()
  }
  clearInterval(watch)
  const status = await child.exited
  if (goesOn && status !== 0) throw new Error(`a worker ended with status ${status}`)
}

/** Runs all jobs, so many at a time. */
export async function inParallel(jobs: readonly (() => Promise<void>)[], count: number): Promise<void> {
  const queue = [...jobs]
  const one = async (): Promise<void> => {
    for (let job = queue.shift(); job !== undefined; job = queue.shift()) await job()
  }
  await Promise.all(Array.from({ length: count }, one))
}
