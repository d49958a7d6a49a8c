/**
 * Says what is being done, on a terminal: one line a step, with a mark when it is over. Nothing of it when stderr is
 * piped, with `--quiet` or with `--json`; with `--verbose` plain lines wherever stderr goes.
 */
import type { Settings } from "../context.ts"
import type { Io } from "../io.ts"
import type { Style } from "./style.ts"

export interface Progress {
  /** The step before is done, this one begins. */
  step(text: string): void
  /** Waits for the work; the last step is marked done, or failed if it rejects. */
  over<T>(work: Promise<T>): Promise<T>
}

const SILENT: Progress = { step: () => {}, over: (work) => work }

export function progressOf(context: { settings: Settings; io: Io; errorStyle: Style }): Progress {
  const { settings, io, errorStyle } = context
  if (settings.quiet || settings.json) return SILENT
  if (io.stderrIsTerminal) return new LiveProgress(io, errorStyle)
  return settings.verbose ? { step: (text) => io.stderr(`${text}\n`), over: (work) => work } : SILENT
}

/** Nobody wonders what goes on before that. */
const SILENT_MS = 1_000

type Waiting = Parameters<typeof progressOf>[0] & { sleep(ms: number): Promise<void> }

/** Waits for work that is mostly done at once: only who has to wait for longer is told what for. */
export async function patiently<T>(context: Waiting, work: Promise<T>, what: string): Promise<T> {
  const progress = progressOf(context)
  if (progress === SILENT) return work
  const ended = () => true
  const isQuick = await Promise.race([work.then(ended, ended), context.sleep(SILENT_MS)])
  if (isQuick !== true) progress.step(what)
  return progress.over(work)
}

class LiveProgress implements Progress {
  readonly #io: Io
  readonly #style: Style
  #present: string | null = null

  constructor(io: Io, style: Style) {
    this.#io = io
    this.#style = style
  }

  readonly step = (text: string): void => {
    this.#finish(this.#style.good("ok"))
    this.#present = text
    this.#io.stderr(`${this.#style.dim("..")} ${text}`)
  }

  async over<T>(work: Promise<T>): Promise<T> {
    try {
      const result = await work
      this.#finish(this.#style.good("ok"))
      return result
    } catch (error) {
      this.#finish(this.#style.bad("no"))
      throw error
    }
  }

  /** Writes the present line once more, with its mark. */
  #finish(mark: string): void {
    if (this.#present !== null) this.#io.stderr(`\r${mark} ${this.#present}\n`)
    this.#present = null
  }
}
