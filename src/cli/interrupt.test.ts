import { expect, test } from "bun:test"
import { join } from "node:path"

/** What a process says whose `work` is broken off by a SIGINT that it sends itself, and how it ends. */
async function interrupted(work: string): Promise<{ said: string; ended: string }> {
  const script = `
    import { writeSync } from "node:fs"
    import { tellingWhenInterrupted } from "${join(import.meta.dir, "interrupt.ts")}"
    const work = Promise.resolve().then(async () => { ${work} })
    try { await tellingWhenInterrupted(work, () => writeSync(1, "half done")) }
    catch (error) { writeSync(1, error.message); process.exit(1) }
    writeSync(1, "done")
    process.exit(0)`
  const child = Bun.spawn([process.execPath, "-e", script], { stdout: "pipe", stderr: "inherit" })
  const said = await new Response(child.stdout).text()
  await child.exited
  return { said, ended: String(child.signalCode ?? child.exitCode) }
}

const INTERRUPT = "process.kill(process.pid, 'SIGINT');"

test("who breaks it off is told what that means, and the signal ends the process", async () => {
  expect(await interrupted(`${INTERRUPT} await Bun.sleep(60_000)`)).toEqual({ said: "half done", ended: "SIGINT" })
})

test("so too where the work fails for the very reason that it was broken off", async () => {
  const work = `${INTERRUPT} throw new Error("a child ended")`
  expect(await interrupted(work)).toEqual({ said: "half done", ended: "SIGINT" })
})

test("work that ends by itself, well or not, ends as it would", async () => {
  expect(await interrupted("")).toEqual({ said: "done", ended: "0" })
  expect(await interrupted(`throw new Error("no room")`)).toEqual({ said: "no room", ended: "1" })
})
