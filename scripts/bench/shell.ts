/** A shell that waits on a throw-away machine, so that what is timed is a script and not the way to the machine. */
import type { Machine } from "../../test/support/machine.ts"

const DONE = "--done--"

export class Shell {
  readonly #child: Bun.Subprocess<"pipe", "pipe", "inherit">
  readonly #answers: AsyncIterator<string>

  constructor(machine: Machine) {
    const enter = ["nsenter", "-t", String(machine.pid), "-m", "-n", "-u", "-p", "--", "sh"]
    this.#child = Bun.spawn(enter, { env: machine.env, stdin: "pipe", stdout: "pipe", stderr: "inherit" })
    this.#answers = lines(this.#child.stdout)
  }

  /** Runs a command line to its end. Throws where its exit status is not 0. */
  async run(line: string): Promise<void> {
    this.#child.stdin.write(`${line}\necho ${DONE} $?\n`)
    void this.#child.stdin.flush()
    for (;;) {
      const { value, done } = await this.#answers.next()
      if (done) throw new Error(`the shell ended at: ${line}`)
      if (!value.startsWith(DONE)) continue
      if (value === `${DONE} 0`) return
      throw new Error(`${line}: status ${value.slice(DONE.length + 1)}`)
    }
  }

  async close(): Promise<void> {
    this.#child.stdin.end()
    await this.#child.exited
  }
}

async function* lines(stream: ReadableStream<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder()
  let rest = ""
  for await (const chunk of stream) {
    const parts = (rest + decoder.decode(chunk, { stream: true })).split("\n")
    rest = parts.pop() ?? ""
    yield* parts
  }
}
