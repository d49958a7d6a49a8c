/**
 * What is wrong in a lab's file, and where: each mistake has its line and column, and is shown with the line itself and a
 * caret below the place. Several are told at once, in the order of the file.
 */
import { OvlError } from "../../base/errors.ts"
import { LAB_FILE_MISTAKES_MAX } from "../../base/limits.ts"

/** From 1, as editors count. */
export interface Place {
  line: number
  column: number
  /** How many characters the caret underlines. */
  length: number
}

export interface Mistake extends Place {
  /** Where in the file's own terms: `nodes.swarm-01.address`; "" for the file as a whole. */
  what: string
  why: string
}

export interface LabFileErrorBody {
  error: {
    code: string
    message: string
    hint: string
    mistakes: { file: string; line: number; column: number; what: string; why: string }[]
  }
}

/** A file with mistakes: exit status 2. As JSON it lists them one by one. */
export class LabFileError extends OvlError {
  readonly file: string
  readonly mistakes: readonly Mistake[]

  constructor(file: string, text: string, mistakes: readonly Mistake[]) {
    const sorted = [...mistakes].sort((a, b) => a.line - b.line || a.column - b.column)
    const told = sorted.slice(0, LAB_FILE_MISTAKES_MAX).map((mistake) => {
      return { ...mistake, what: printable(mistake.what), why: printable(mistake.why) }
    })
    const lines = text.split("\n")
    const parts = told.map((mistake) => describe(file, lines, mistake))
    const more = sorted.length - told.length
    if (more > 0) parts.push(`and ${more} more`)
    super("lab_file_invalid", parts.join("\n"), {
      kind: "usage",
      hint: "correct the file; `ovl lab validate FILE` checks it and makes nothing",
    })
    this.file = file
    this.mistakes = told
  }

  override toJSON(): LabFileErrorBody {
    const { code, hint, file } = this
    const mistakes = this.mistakes.map(({ line, column, what, why }) => ({ file, line, column, what, why }))
    const first = mistakes[0]
    const message = first ? summary(file, this.mistakes[0]!) : this.message
    return { error: { code, message, hint, mistakes } }
  }
}

const EXCERPT_CHARS = 120

function summary(file: string, { line, column, what, why }: Mistake): string {
  return `${file}:${line}:${column}: ${what === "" ? "" : `${what}: `}${why}`
}

/** The mistake, the line it is in, and a caret below. A tab stays one, so that the caret stands where it should. */
function describe(file: string, lines: readonly string[], mistake: Mistake): string {
  const line = printable(lines[mistake.line - 1] ?? "")
  if (line.trim() === "") return summary(file, mistake)
  // Of a long line the part around the place.
  const from = Math.max(0, mistake.column - 1 - EXCERPT_CHARS / 2)
  const source = line.slice(from, from + EXCERPT_CHARS)
  const at = mistake.column - 1 - from
  const before = source.slice(0, at).replace(/[^\t]/g, " ")
  const room = Math.max(1, source.length - at)
  const caret = "^".repeat(Math.max(1, Math.min(mistake.length, room)))
  return [summary(file, mistake), `    ${source}`, `    ${before}${caret}`].join("\n")
}

/** Nothing of a file may act on the terminal. */
function printable(text: string): string {
  return text.replace(/\r$/, "").replace(/[^\P{Cc}\t]/gu, "\u00b7")
}
