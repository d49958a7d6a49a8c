/**
 * A page of documentation whose commands can be run. Code blocks of `console` hold commands as a terminal shows them:
 * `$ command`, then what it said, then `(exit 2)` where its exit status is not 0. A block such as ` ```yaml mine.yaml `
 * is a file that the reader writes at that place. Any other block must have `<!-- not run: why -->` before it, and is
 * counted. So nothing on the page can be a command that nobody tries.
 */

export interface PageCommand {
  kind: "command"
  /** Of `$ command` on the page, from 1. */
  line: number
  text: string
  /** What stands below it on the page, `(exit N)` included. */
  output: string[]
}

export interface PageFile {
  kind: "file"
  line: number
  name: string
  text: string
}

export type PageStep = PageCommand | PageFile

export interface ConsolePage {
  lines: string[]
  steps: PageStep[]
  /** Blocks that nobody runs, with why, as the page says it. */
  notRun: string[]
}

interface Block {
  /** Of the first line inside, from 0. */
  start: number
  info: string
  lines: string[]
}

const FENCE = /^```(.*)$/
const PROMPT = "$ "
const NOT_RUN = /^<!-- not run: (\S.*) -->$/
const FILE_BLOCK = /^yaml ([\w.-]+)$/

/** Throws, with the line, where a block cannot be run and is not marked either. */
export function parsePage(source: string): ConsolePage {
  const lines = source.split("\n")
  const page: ConsolePage = { lines, steps: [], notRun: [] }
  for (const block of blocksOf(lines)) {
    const line = block.start + 1
    const file = FILE_BLOCK.exec(block.info)?.[1]
    const marked = NOT_RUN.exec(lines[block.start - 2] ?? "")?.[1]
    if (marked !== undefined) page.notRun.push(marked)
    else if (block.info === "console") page.steps.push(...commandsOf(block))
    else if (file) page.steps.push({ kind: "file", line, name: file, text: `${block.lines.join("\n")}\n` })
    else throw new Error(`line ${line}: a block of "${block.info}" is neither run nor marked as not run`)
  }
  return page
}

function blocksOf(lines: string[]): Block[] {
  const blocks: Block[] = []
  let open: Block | null = null
  for (const [at, line] of lines.entries()) {
    const info = FENCE.exec(line)?.[1]
    if (info === undefined) open?.lines.push(line)
    else if (open === null) open = { start: at + 1, info, lines: [] }
    else {
      blocks.push(open)
      open = null
    }
  }
  if (open) throw new Error(`line ${open.start}: a block that never ends`)
  return blocks
}

function commandsOf(block: Block): PageCommand[] {
  const commands: PageCommand[] = []
  for (const [at, text] of block.lines.entries()) {
    const line = block.start + at + 1
    if (text.startsWith(PROMPT)) {
      commands.push({ kind: "command", line, text: text.slice(PROMPT.length), output: [] })
      continue
    }
    const last = commands.at(-1)
    if (!last) throw new Error(`line ${line}: a console block that does not begin with a command`)
    last.output.push(text)
  }
  if (commands.length === 0) throw new Error(`line ${block.start}: a console block without a command`)
  return commands
}

/** The page's source with other outputs. A command that the map does not name keeps its own. */
export function withOutputs(page: ConsolePage, outputs: ReadonlyMap<PageCommand, string[]>): string {
  const lines = [...page.lines]
  // From the end, so that the places of the earlier ones stay right.
  for (const step of page.steps.toReversed()) {
    const output = step.kind === "command" ? outputs.get(step) : undefined
    if (step.kind === "command" && output) lines.splice(step.line, step.output.length, ...output)
  }
  return lines.join("\n")
}
