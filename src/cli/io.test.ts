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

test("a file behind standard output that takes no more is no mistake of ours", async () => {
  const path = JSON.stringify(join(import.meta.dir, "io.ts"))
  const program = `const { realIo } = await import(${path})
    try { realIo.stdout("x") } catch (error) { console.error(error.code + ": " + error.message) }`
  const child = Bun.spawn(["sh", "-c", '"$0" -e "$1" >/dev/full', process.execPath, program], { stderr: "pipe" })
  const said = (await new Response(child.stderr).text()).trim()
  expect(said).toBe("output_unwritable: cannot write to standard output: no space is left there")
})

test("standard input and files are bytes, no more than wanted", async () => {
  const path = JSON.stringify(join(import.meta.dir, "io.ts"))
  const program = `const { realIo } = await import(${path})
    const seen = realIo.readStdin(200_000)
    console.log(seen.length, seen[0], seen.at(-1), realIo.readFile("/dev/zero", 70_000).length)`
  const child = Bun.spawn([process.execPath, "-e", program], {
    stdin: new Uint8Array(300_000).fill(255),
    stdout: "pipe",
  })
  expect((await new Response(child.stdout).text()).trim()).toBe("200000 255 255 70000")
})

test("a program gets its input and environment, and its exit status comes back", async () => {
  const { realIo } = await import("./io.ts")
  const run = (script: string, input = "") =>
    realIo.runProgram(["sh", "-c", script], new TextEncoder().encode(input), { GIVEN: "x" })
  expect(await run('test "$(cat)$GIVEN" = "inputx"', "input")).toBe(0)
  expect(await run("exit 3")).toBe(3)
  expect(await run("exit 0", "y".repeat(1_000_000))).toBe(0)
  expect(await realIo.runProgram(["/no/such/program"], new Uint8Array(), {})).toBe(127)
})
