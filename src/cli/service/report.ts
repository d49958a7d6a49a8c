/** What install and uninstall say of files, and where they are meant. */
import { resolve } from "node:path"
import type { Placed } from "./place.ts"

/** What each of them would do; the other actions leave a thing as it is, and read the same beforehand. */
const FUTURE: Record<string, string> = {
  added: "would add",
  replaced: "would replace",
  removed: "would remove",
  stopped: "would stop",
}
const ACTION_COLUMNS = 10
const FUTURE_COLUMNS = 13

/** One line a file: `kept       /etc/ovl/config.yaml  (it is yours)`. With `dryRun` it says what would be done. */
export function placedLines(files: readonly Placed<string>[], dryRun: boolean): string {
  const width = dryRun ? FUTURE_COLUMNS : ACTION_COLUMNS
  return files
    .map(({ path, action, why }) => {
      const word = dryRun ? (FUTURE[action] ?? action) : action
      return `${word.padEnd(width)} ${path}${why === null ? "" : `  (${why})`}\n`
    })
    .join("")
}

/** The tree that is meant: empty for the machine itself. */
export function rootOf(given: string | undefined, cwd: string): string {
  const root = given === undefined ? "/" : resolve(cwd, given)
  return root === "/" ? "" : root
}
