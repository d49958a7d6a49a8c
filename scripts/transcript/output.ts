/**
 * What a command prints. Log messages are not compared, but for errors, so only those are printed; yet their level also
 * says whether anything is printed at all.
 */
import type { LogLevel } from "../../src/raft/config.ts"

const LEVELS = ["DEBUG", "INFO", "WARN", "ERROR", "FATAL", "NONE"]
const NONE = LEVELS.indexOf("NONE")
const ERROR = LEVELS.indexOf("ERROR")

export class Output {
  private level = 0
  private text = ""

  /** Returns what is wrong with the name of the level, if something is. */
  setLevel(name: string): string | undefined {
    const level = LEVELS.indexOf(name.toUpperCase())
    if (level === -1) return `log levels must be either of [${LEVELS.join(" ")}]`
    this.level = level
    return undefined
  }

  get quiet(): boolean {
    return this.level === NONE
  }

  write(text: string): void {
    if (!this.quiet) this.text += text
  }

  line(text: string): void {
    this.write(`${text}\n`)
  }

  log(level: LogLevel, text: string): void {
    if (level === "error" && this.level <= ERROR) this.line(`ERROR ${text}`)
  }

  /** Everything that `body` prints, two columns to the right. */
  indented(body: () => void): void {
    const before = this.text
    this.text = ""
    try {
      body()
    } finally {
      const inner = this.text.endsWith("\n") ? this.text.slice(0, -1) : this.text
      const lines = this.text === "" ? [] : inner.split("\n")
      this.text = before + lines.map((line) => `  ${line}\n`).join("")
    }
  }

  /** Runs `body` at another level. */
  atLevel(name: string | undefined, body: () => void): string | undefined {
    const before = this.level
    const wrong = name === undefined ? undefined : this.setLevel(name)
    if (wrong === undefined) body()
    this.level = before
    return wrong
  }

  take(): string {
    const text = this.text
    this.text = ""
    return text
  }
}
