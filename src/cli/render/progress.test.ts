import { expect, test } from "bun:test"
import type { Settings } from "../context.ts"
import type { Io } from "../io.ts"
import { progressOf } from "./progress.ts"
import { styleFor } from "./style.ts"

async function shown(settings: Partial<Settings>, terminal: boolean, fails = false): Promise<string> {
  const lines: string[] = []
  const io = { stderrIsTerminal: terminal, stderr: (more: string) => lines.push(more) } as unknown as Io
  const progress = progressOf({ settings: settings as Settings, io, errorStyle: styleFor(false, true, {}) })
  const work = async () => {
    progress.step("cables")
    progress.step("nodes")
    if (fails) throw new Error("no")
  }
  await progress.over(work()).catch(() => {})
  return lines.join("")
}

test("on a terminal each step is marked when it is over", async () => {
  expect(await shown({}, true)).toBe(".. cables\rok cables\n.. nodes\rok nodes\n")
  expect(await shown({}, true, true)).toBe(".. cables\rok cables\n.. nodes\rno nodes\n")
})

test("nothing of it in a pipe, with --quiet or with --json; plain lines with --verbose", async () => {
  expect(await shown({}, false)).toBe("")
  expect(await shown({ quiet: true }, true)).toBe("")
  expect(await shown({ json: true }, true)).toBe("")
  expect(await shown({ verbose: true }, false)).toBe("cables\nnodes\n")
})
