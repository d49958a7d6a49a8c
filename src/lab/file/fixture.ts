/** A lab's file that is right, and ways to spoil it. For tests; not part of the program. */
import { LabFileError } from "./mistakes.ts"
import { readLabFile } from "./read.ts"

export const GOOD = `name: lab
nodes:
  n1: { address: 192.168.1.11 }
  n2:
networks:
  red: { subnet: 10.65.10.0/24 }
  blue: { subnet: 10.65.10.0/24 }
  vault: { subnet: 10.66.0.0/24, internal: true }
  auto:
workloads:
  a: { node: n1, network: red, ip: 10.65.10.2 }
  b: { node: n2, network: red }
expect:
  - a reaches b
`

/** All that is wrong, one line each, without the excerpts. */
export function mistakesOf(text: string): string[] {
  try {
    readLabFile("f", text)
    return []
  } catch (error) {
    if (!(error instanceof LabFileError)) throw error
    return error.mistakes.map(({ line, column, what, why }) => `${line}:${column} ${what}: ${why}`)
  }
}

/** GOOD with one line in the place of another. */
export function withLine(number: number, line: string): string {
  const lines = GOOD.split("\n")
  lines[number - 1] = line
  return lines.join("\n")
}
