/** Reads the arguments of one command; whatever is not as it should be is a failure of the file, with its line. */
import { type Argument, type Case, FormatError } from "./datadriven.ts"

export class Arguments {
  private readonly test: Case

  constructor(test: Case) {
    this.test = test
  }

  get input(): string {
    return this.test.input
  }

  /** A failure to understand this command. */
  fail(why: string): never {
    throw new FormatError(this.test.line, `${this.test.command}: ${why}`)
  }

  /** The arguments that have values, and those names must all be known. */
  options(...known: string[]): Argument[] {
    const options = this.test.args.filter((arg) => arg.values.length > 0)
    for (const { key } of options) if (!known.includes(key)) this.fail(`unknown argument ${key}`)
    return options
  }

  /** The arguments without values. */
  words(): string[] {
    return this.test.args.filter((arg) => arg.values.length === 0).map((arg) => arg.key)
  }

  word(at: number, what: string): string {
    return this.words()[at] ?? this.fail(`${what} is missing`)
  }

  /** The arguments without values, all of them numbers of servers. */
  ids(): number[] {
    return this.words().map((word) => this.number(word))
  }

  option(key: string): string {
    const values = this.test.args.find((arg) => arg.key === key)?.values
    return values?.[0] ?? this.fail(`${key} is missing`)
  }

  number(text: string): number {
    return /^\d+$/.test(text) ? Number(text) : this.fail(`${text} is not a number`)
  }

  boolean(text: string): boolean {
    if (text === "true" || text === "1" || text === "t") return true
    return text === "false" || text === "0" || text === "f" ? false : this.fail(`${text} is neither true nor false`)
  }
}
