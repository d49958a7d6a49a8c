/** What install and uninstall say of files, and where they are meant. */
import { resolve } from "node:path"
import type { Placed } from "./place.ts"

const ACTION_COLUMNS = 10

/** One line a file: `kept       /etc/ovl/config.yaml  (it is yours)`. */
export function placedLines(files: readonly Placed<string>[]): string {
  return files
    .map(({ path, action, why }) => `${action.padEnd(ACTION_COLUMNS)} ${path}${why === null ? "" : `  (${why})`}\n`)
    .join("")
}

/** The tree that is meant: empty for the machine itself. */
export function rootOf(given: string | undefined, cwd: string): string {
  const root = given === undefined ? "/" : resolve(cwd, given)
  return root === "/" ? "" : root
}
