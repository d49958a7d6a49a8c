/**
 * Changes source text as it is loaded, on its way from the disk into this process: the files themselves stay as they are.
 * With it a life can have bounds of its own, and a mutant is a version of the core with one thing wrong.
 */
import { readFileSync } from "node:fs"
import { join } from "node:path"

const SOURCE = join(import.meta.dir, "../../src")

export interface Patch {
  /** Below `src/`. */
  readonly file: string
  /** Occurs exactly once in it: else whoever wrote the patch had another version in mind. */
  readonly find: string
  readonly replace: string
}

/** The patch does not fit the source any more. */
export class StalePatch extends Error {}

/** To be called before any of the files is imported. Throws StalePatch. */
export function patchSources(patches: readonly Patch[]): void {
  const texts = new Map<string, string>()
  for (const { file, find, replace } of patches) {
    const path = join(SOURCE, file)
    const text = texts.get(path) ?? readFileSync(path, "utf8")
    const parts = text.split(find)
    if (parts.length !== 2) {
      throw new StalePatch(`src/${file} has ${JSON.stringify(find)} ${parts.length - 1} times, not once`)
    }
    texts.set(path, parts.join(replace))
  }
  serve(texts)
}

function serve(texts: ReadonlyMap<string, string>): void {
  const filter = new RegExp(
    `(${[...texts.keys()].map((path) => path.replaceAll(/[.*+?^$()[\]{}|\\]/g, "\\$&")).join("|")})$`,
  )
  Bun.plugin({
    name: "patches",
    setup(build) {
      build.onLoad({ filter }, ({ path }) => ({
        contents: texts.get(path) ?? readFileSync(path, "utf8"),
        loader: "ts",
      }))
    },
  })
}
