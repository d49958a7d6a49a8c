/** What is known of an error's or a problem's code: what `ovl explain` says and the reference pages list. */
import type { ErrorKind } from "../errors.ts"

export interface CodeRow {
  /** What errors of this code mean to the caller; empty where it only stands among the problems of `status`. */
  kinds: readonly ErrorKind[]
  /** Its level among the problems of `ovl status` and `ovl doctor`, where it can stand there. */
  problem?: "error" | "warning"
  /** One sentence or two, without the names and numbers that the message itself has. */
  means: string
  /** What it mostly comes from. */
  causes: string
  /** What to do about it. */
  remedy: string
}

export type CodeTable = Readonly<Record<string, CodeRow>>
