/** Where the parts of the reader put what they find wrong in a file whose shape is right. */
import { OvlError } from "../../base/errors.ts"
import { foldName } from "../../model/names.ts"
import type { Mistake } from "./mistakes.ts"
import { type Path, pathText, type Source } from "./source.ts"

export class Report {
  readonly mistakes: Mistake[] = []
  readonly #source: Source

  constructor(source: Source) {
    this.#source = source
  }

  /** Something is wrong with the value at this place, or with what is missing there. */
  wrong(path: Path, why: string): void {
    this.mistakes.push({ ...this.#source.place(path), what: pathText(path), why })
  }

  /** Something is wrong with the name of the thing at this place. */
  wrongName(path: Path, why: string): void {
    this.mistakes.push({ ...this.#source.keyPlace(path), what: pathText(path), why })
  }

  /** What the daemon's own checks say of a value; null where they refuse it. */
  judged<T>(path: Path, judge: () => T): T | null {
    try {
      return judge()
    } catch (error) {
      if (!(error instanceof OvlError)) throw error
      this.wrong(path, error.hint.startsWith("did you mean") ? `${error.message}: ${error.hint}` : error.message)
      return null
    }
  }

  /** A single value as it was written. */
  text(path: Path): string {
    return this.#source.textOf(path) ?? ""
  }
}

/** Things that have addresses or names once each: who has one already is told. */
export class Taken {
  readonly #owners = new Map<string, string>()

  /** Null where it was free, and now is `owner`'s. */
  take(value: string, owner: string): string | null {
    const known = this.#owners.get(foldName(value))
    if (known !== undefined) return known
    this.#owners.set(foldName(value), owner)
    return null
  }

  has(value: string): boolean {
    return this.#owners.has(foldName(value))
  }
}
