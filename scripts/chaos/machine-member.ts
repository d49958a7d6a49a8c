/** A member on a throw-away machine: its process is started, killed, stopped and continued, and its packets are lost there. */
import { type Background, type Machine, until } from "../../test/support/machine.ts"
import type { Place } from "./http.ts"
import type { Direction, Member } from "./topology.ts"

const END_TIMEOUT_MS = 5_000
/** What a node said in one life is kept up to so much, from its end. */
const LOG_MAX_CHARS = 400_000
const LIVES_LOGGED = 8
/** Loopback is how clients come in, and is nobody's fault. */
const FILTER = ["-t", "raw"]

export interface MachineMemberOptions {
  machine: Machine
  address: string
  place: Place
  command: string[]
}

export class MachineMember implements Member {
  readonly machine: Machine
  readonly name: string
  readonly address: string
  readonly place: Place
  /** What the next start runs. */
  command: string[]
  readonly #log: string[] = []
  #process: Background | null = null
  #life = 0

  constructor({ machine, address, place, command }: MachineMemberOptions) {
    this.machine = machine
    this.name = machine.name
    this.address = address
    this.place = place
    this.command = command
  }

  get source(): string {
    return `${this.name}#${this.#life}`
  }

  get running(): boolean {
    return this.#process?.running ?? false
  }

  /** As this process sees it; null where it does not run. */
  get pid(): number | null {
    return this.#process?.pid ?? null
  }

  /** What its present process said. */
  get said(): string {
    return this.#process === null ? "" : `${this.#process.stdout}${this.#process.stderr}`
  }

  get log(): string {
    return [...this.#log, `--- ${this.source}\n${this.said}`].join("\n")
  }

  /** Adds a line of its own to the log. */
  note(line: string): void {
    this.#log.push(`--- ${this.source}: ${line}`)
  }

  async start(): Promise<void> {
    if (this.running) return
    this.#endLife()
    this.#process = this.machine.start(this.command)
    await until(() => this.#process?.pid != null || !this.running, `${this.name} starts`, END_TIMEOUT_MS)
  }

  async kill(): Promise<void> {
    const process = this.#process
    if (process === null) return
    if (process.running) {
      process.signal("SIGKILL")
      // Where it was stopped, what started it is stopped too, and would not see it end.
      if (process.running) process.signal("SIGCONT")
    }
    await process.ended
    this.#endLife()
  }

  async pause(): Promise<void> {
    if (this.running) this.#process?.signal("SIGSTOP")
  }

  async resume(): Promise<void> {
    if (this.running) this.#process?.signal("SIGCONT")
  }

  async cut(others: readonly string[], direction: Direction): Promise<void> {
    for (const address of others) {
      const loss = ["-d", address, "-j", "DROP"]
      const rules: Record<Exclude<Direction, "both">, string[]> = {
        in: ["PREROUTING", "!", "-i", "lo", "-s", ...loss.slice(1)],
        out: ["OUTPUT", "!", "-o", "lo", ...loss],
      }
      const chosen = direction === "both" ? [rules.in, rules.out] : [rules[direction]]
      for (const rule of chosen) await this.#iptables(["-A", ...rule])
    }
  }

  async heal(): Promise<void> {
    await this.#iptables(["-F"])
  }

  async #iptables(words: string[]): Promise<void> {
    const done = await this.machine.start(["iptables", "-w", ...FILTER, ...words]).ended
    if (done.status !== 0) throw new Error(`${this.name}: iptables ${words.join(" ")}: ${done.stderr.trim()}`)
  }

  #endLife(): void {
    if (this.#process !== null) this.#log.push(`--- ${this.source}\n${this.said.slice(-LOG_MAX_CHARS)}`)
    while (this.#log.length > LIVES_LOGGED) this.#log.shift()
    this.#process = null
    this.#life++
  }
}
