import { expect, test } from "bun:test"
import { mkdtempSync, rmSync, statSync, writeFileSync } from "node:fs"
import { tmpdir } from "node:os"
import { join } from "node:path"

/** Prints who it is before and after; run as a program of its own, for it replaces itself. */
const PROGRAM = `
import { ensureOwnTmp } from ${JSON.stringify(join(import.meta.dir, "reexec.ts"))}
console.log("pid", process.pid, "words", process.argv.slice(2).join(" "), "tmp", process.env.BUN_TMPDIR ?? "-")
await ensureOwnTmp(process.argv[2], process.argv[3])
console.log("ready", process.pid, "tmp", process.env.BUN_TMPDIR ?? "-")
`

test("the program starts itself again once: same pid, same words, with a directory of its own", async () => {
  const dir = mkdtempSync(join(tmpdir(), "ovl-reexec-"))
  try {
    const program = join(dir, "program.ts")
    writeFileSync(program, PROGRAM)
    const [run, data] = [join(dir, "run"), join(dir, "data")]
    const child = Bun.spawn([process.execPath, program, run, data, "--name", "a b"], {
      stdout: "pipe",
      stderr: "inherit",
      env: { PATH: process.env.PATH },
    })
    const lines = (await new Response(child.stdout).text()).trimEnd().split("\n")
    const words = `words ${run} ${data} --name a b`
    expect(lines).toEqual([
      `pid ${child.pid} ${words} tmp -`,
      `pid ${child.pid} ${words} tmp ${run}/tmp`,
      `ready ${child.pid} tmp -`,
    ])
    expect(await child.exited).toBe(0)
    expect((statSync(join(run, "tmp")).mode & 0o777).toString(8)).toBe("700")
  } finally {
    rmSync(dir, { recursive: true })
  }
})
