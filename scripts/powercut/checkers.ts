/** A few checker processes that open images side by side. One that dies of an image is told as such, and replaced. */
import { writeFileSync } from "node:fs"
import { join } from "node:path"
import { writeDataDirectory } from "./data-directory.ts"
import type { CheckerAnswer, CheckerQuestion } from "./checker.ts"

const CHECKERS = 2
/** An image that takes longer holds the store up for good. */
const ANSWER_TIMEOUT_MS = 60_000

export type Ask = (question: CheckerQuestion) => Promise<Finding>
export type Finding = CheckerAnswer | { died: string }

/** LMDB reads the kernel's boot id; after a power cut it is another one. */
const AFTER_A_BOOT = [
  ...["unshare", "--mount", "--propagation", "private", "sh", "-c"],
  'mount --bind "$0" /proc/sys/kernel/random/boot_id && exec "$@"',
]

interface Checker {
  process: Bun.Subprocess<"pipe", "pipe", "pipe">
  lines: AsyncGenerator<string, void, void>
}

export class Checkers {
  readonly #idle: (Checker | null)[] = Array.from({ length: CHECKERS }, () => null)
  readonly #waiting: ((checker: Checker | null) => void)[] = []
  readonly #directory: string
  readonly #reference: Uint8Array
  #started = 0

  /** `reference`: a store's file with the whole log. What checkers need on disk is written below the directory. */
  constructor(directory: string, reference: Uint8Array) {
    this.#directory = directory
    this.#reference = reference
  }

  /** Resolves when a checker is free, with what asks it; that must be called, once. */
  async free(): Promise<Ask> {
    const held =
      this.#idle.length > 0
        ? this.#idle.pop()!
        : await new Promise<Checker | null>((resolve) => this.#waiting.push(resolve))
    const checker = held ?? this.#start()
    return async (question) => {
      const finding = await ask(checker, question)
      this.#giveBack("died" in finding ? null : checker)
      return finding
    }
  }

  #start(): Checker {
    // Its own copy: one process at a time may have a store open.
    const reference = join(this.#directory, `reference-${++this.#started}`)
    writeDataDirectory(reference, this.#reference)
    const bootId = join(reference, "boot-id")
    writeFileSync(bootId, `${crypto.randomUUID()}\n`)
    const checker = [process.execPath, join(import.meta.dir, "checker.ts"), reference]
    const started = Bun.spawn([...AFTER_A_BOOT, bootId, ...checker], { stdin: "pipe", stdout: "pipe", stderr: "pipe" })
    return { process: started, lines: linesOf(started.stdout) }
  }

  #giveBack(checker: Checker | null): void {
    const next = this.#waiting.shift()
    if (next) next(checker)
    else this.#idle.push(checker)
  }

  close(): void {
    for (const checker of this.#idle) checker?.process.kill("SIGKILL")
  }
}

async function ask({ process, lines }: Checker, question: CheckerQuestion): Promise<Finding> {
  const watchdog = setTimeout(() => process.kill("SIGKILL"), ANSWER_TIMEOUT_MS)
  process.stdin.write(`${JSON.stringify(question)}\n`)
  await process.stdin.flush()
  const line = await lines.next()
  clearTimeout(watchdog)
  if (!line.done) return JSON.parse(line.value) as CheckerAnswer
  await process.exited
  const said = (await new Response(process.stderr).text()).trim().split("\n")[0] ?? ""
  return { died: `${process.signalCode ?? `exit status ${process.exitCode}`} ${said}`.trim() }
}

async function* linesOf(stream: ReadableStream<Uint8Array>): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder()
  let rest = ""
  for await (const chunk of stream) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split("\n")
    rest = lines.pop()!
    yield* lines
  }
}
