import { expect, test } from "bun:test"
import { join } from "node:path"

const PROGRAM = `
const { realIo } = await import(${JSON.stringify(join(import.meta.dir, "io.ts"))})
realIo.stdout([realIo.stdinIsTerminal, realIo.stdoutIsTerminal, realIo.stderrIsTerminal].join(" ") + "\\n")
`

test("a terminal is told from a pipe, a file and /dev/null", async () => {
  const asked = async (command: string[], stdin: "ignore" | "pipe") => {
    const child = Bun.spawn(command, { stdin, stdout: "pipe", stderr: "ignore" })
    return (await new Response(child.stdout).text()).trim()
  }
  expect(await asked([process.execPath, "-e", PROGRAM], "ignore")).toBe("false false false")
  expect(await asked([process.execPath, "-e", PROGRAM], "pipe")).toBe("false false false")
  const line = `'${process.execPath}' -e '${PROGRAM}'`
  if (Bun.which("script") !== null)
    expect(await asked(["script", "-qec", line, "/dev/null"], "pipe")).toBe("true true true")
})

test("more than a pipe holds is written to its end, and a reader that goes is noticed", async () => {
  const path = JSON.stringify(join(import.meta.dir, "io.ts"))
  const whole = `const { realIo } = await import(${path}); realIo.stdout("x".repeat(3_000_000)); process.exit(0)`
  const child = Bun.spawn([process.execPath, "-e", whole], { stdout: "pipe" })
  expect((await new Response(child.stdout).text()).length).toBe(3_000_000)
  const gone = `const { realIo, BrokenPipe } = await import(${path})
    try { for (;;) realIo.stdout("x".repeat(65_536)) } catch (error) { process.exit(error instanceof BrokenPipe ? 42 : 1) }`
  const reader = Bun.spawn(["sh", "-c", '{ "$0" -e "$1"; echo $? >&2; } | head -c1', process.execPath, gone], {
    stdout: "pipe",
    stderr: "pipe",
  })
  expect((await new Response(reader.stderr).text()).trim()).toBe("42")
})
