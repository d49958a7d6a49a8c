/**
 * Reads TypeScript just well enough to know what is code and what is not: enough to find imports and forbidden words
 * without being fooled by comments, strings and templates, and without a parser.
 */

export interface ImportSite {
  specifier: string
  line: number
}

/** Characters after which a slash begins a regular expression and not a division. */
const BEFORE_REGEX = "(,=:[!&|?{};+-*%~^<>\n"
const WORDS_BEFORE_REGEX = /(?:^|[^\w.$])(?:return|typeof|case|in|of|do|else|void|await|yield)$/

/**
 * The same text with comments, and what stands inside quotes, templates and regular expressions, replaced by blanks.
 * Positions and lines stay as they were, and so do the quotes, so that a literal can be read from the original.
 */
export function codeOnly(text: string): string {
  const blanker = new Blanker(text)
  while (!blanker.done) blanker.step()
  return blanker.out.join("")
}

class Blanker {
  /** By UTF-16 unit, as string positions are. */
  readonly out: string[]
  private at = 0
  /** One entry for each template that is open: how many braces are open inside its current `${}`. */
  private readonly templates: number[] = []

  constructor(private readonly text: string) {
    this.out = text.split("")
  }

  get done(): boolean {
    return this.at >= this.text.length
  }

  /** Goes past one character of code, or past one comment or literal. */
  step(): void {
    const char = this.text[this.at]!
    if (this.text.startsWith("//", this.at)) this.blankUntil(lineEnd(this.text, this.at))
    else if (this.text.startsWith("/*", this.at)) this.blankUntil(after(this.text, "*/", this.at + 2))
    else if (char === '"' || char === "'") this.literal(this.endOfQuoted(char))
    else if (char === "/" && this.regexMayStart()) this.literal(this.endOfRegex())
    else if (char === "`" || (char === "}" && this.templates.at(-1) === 0)) this.template(char)
    else {
      if (char === "{") this.countBrace(1)
      if (char === "}") this.countBrace(-1)
      this.at += 1
    }
  }

  private blankUntil(end: number): void {
    for (; this.at < end && !this.done; this.at++) if (this.text[this.at] !== "\n") this.out[this.at] = " "
  }

  private literal(end: number): void {
    this.at += 1
    this.blankUntil(end)
    this.at += 1
  }

  private countBrace(by: number): void {
    const top = this.templates.length - 1
    if (top >= 0) this.templates[top]! += by
  }

  /** Blanks a template's text, from its start or from the end of a `${}`, up to its end or its next `${`. */
  private template(opener: string): void {
    if (opener === "}") this.templates.pop()
    this.at += 1
    let end = this.at
    while (end < this.text.length && this.text[end] !== "`" && !this.text.startsWith("${", end)) {
      end += this.text[end] === "\\" ? 2 : 1
    }
    this.blankUntil(end)
    if (this.text[this.at] === "$") this.templates.push(0)
    this.at += this.text[this.at] === "$" ? 2 : 1
  }

  private endOfQuoted(quote: string): number {
    let end = this.at + 1
    while (end < this.text.length && this.text[end] !== quote && this.text[end] !== "\n") {
      end += this.text[end] === "\\" ? 2 : 1
    }
    return end
  }

  private endOfRegex(): number {
    let end = this.at + 1
    let inClass = false
    while (end < this.text.length && this.text[end] !== "\n" && (inClass || this.text[end] !== "/")) {
      if (this.text[end] === "[") inClass = true
      if (this.text[end] === "]") inClass = false
      end += this.text[end] === "\\" ? 2 : 1
    }
    return end
  }

  private regexMayStart(): boolean {
    const before = this.out
      .slice(Math.max(0, this.at - 80), this.at)
      .join("")
      .trimEnd()
    return before === "" || BEFORE_REGEX.includes(before.at(-1)!) || WORDS_BEFORE_REGEX.test(before)
  }
}

function after(text: string, mark: string, from: number): number {
  const found = text.indexOf(mark, from)
  return found === -1 ? text.length : found + mark.length
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf("\n", from)
  return end === -1 ? text.length : end
}

export function lineOf(text: string, position: number): number {
  return text.slice(0, position).split("\n").length
}

/** What may stand before the literal of an import: `from "x"`, `import "x"`, `import("x")` (of a type, too), `require("x")`. */
const IMPORT = /(?<![\w.$])(?:from\s*|import\s*\(?\s*|require\s*\(\s*)(["'])/g

/** Every module that the text imports, in any of the forms the language has. */
export function importsOf(text: string, code: string): ImportSite[] {
  return [...code.matchAll(IMPORT)].map((match) => {
    const start = match.index + match[0].length
    return { specifier: text.slice(start, text.indexOf(match[1]!, start)), line: lineOf(text, match.index) }
  })
}
