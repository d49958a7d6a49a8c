/** Text put into lines of a width, for help and other pages that people read. */

/** Help is laid out for a terminal of this width, whatever it is shown in: the same text everywhere. */
export const PAGE_COLUMNS = 80

/**
 * The text in lines of at most `width` characters, all but the first behind `indent` blanks; room for those is also taken
 * off the first. A word that is longer than a line stays whole.
 */
export function wrap(text: string, width: number, indent = 0): string {
  const room = Math.max(1, width - indent)
  const lines: string[] = []
  let line = ""
  for (const word of text.split(" ")) {
    if (line !== "" && line.length + 1 + word.length > room) {
      lines.push(line)
      line = word
    } else line = line === "" ? word : `${line} ${word}`
  }
  return [...lines, line].join(`\n${" ".repeat(indent)}`)
}
