/** Colour, where it is wanted: on a terminal, unless NO_COLOR (https://no-color.org) or --no-color says otherwise. */
import picocolors from "picocolors"

export interface Style {
  bold(text: string): string
  dim(text: string): string
  good(text: string): string
  bad(text: string): string
  warn(text: string): string
}

/** Set to anything but nothing, NO_COLOR means no colour. `TERM=dumb` cannot show any. */
export function styleFor(isTerminal: boolean, noColor: boolean, env: Record<string, string | undefined>): Style {
  const plain = noColor || !isTerminal || (env.NO_COLOR ?? "") !== "" || env.TERM === "dumb"
  const colors = picocolors.createColors(!plain)
  return { bold: colors.bold, dim: colors.dim, good: colors.green, bad: colors.red, warn: colors.yellow }
}
