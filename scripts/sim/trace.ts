/** The last things that happened in a life, kept cheaply and put into words only when somebody wants to read them. */
import { describeMessage } from "../../src/raft/describe.ts"
import type { Message } from "../../src/raft/message.ts"

const KEPT = 256

interface Note {
  at: number
  step: number
  id: number
  what: string
  about: Message | string | number | null
}

export class Trace {
  private readonly notes: Note[] = []
  private next = 0

  note(at: number, step: number, id: number, what: string, about: Message | string | number | null): void {
    this.notes[this.next] = { at, step, id, what, about }
    this.next = (this.next + 1) % KEPT
  }

  /** The last so many, oldest first. */
  lines(count: number): string[] {
    const ordered = [...this.notes.slice(this.next), ...this.notes.slice(0, this.next)]
    return ordered.slice(-count).map(({ at, step, id, what, about }) => {
      const text = about === null ? "" : ` ${typeof about === "object" ? describeMessage(about) : about}`
      return `${String(step).padStart(7)} ${(at / 1000).toFixed(3).padStart(9)} s  ${id > 0 ? `server ${id}: ` : ""}${what}${text}`
    })
  }
}
