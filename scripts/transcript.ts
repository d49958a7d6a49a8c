/**
 * Replays conversations in the format of etcd's Raft library on the consensus core:
 *
 *     bun run scripts/transcript.ts DIR...
 *
 * Takes files, and folders with all the `.txt` files below them. Prints a line for each: `ok`, or the first difference.
 * Exits with 0 only if there were files and all of them pass.
 */
import { readdirSync, readFileSync, statSync } from "node:fs"
import { join } from "node:path"
import { replay } from "./transcript/replay.ts"

/** The files to replay, in the order of their names. */
export function transcriptFiles(path: string): string[] {
  if (!statSync(path).isDirectory()) return [path]
  const names = readdirSync(path).filter((name) => !name.startsWith("."))
  return names.sort().flatMap((name) => {
    const child = join(path, name)
    return statSync(child).isDirectory() ? transcriptFiles(child) : name.endsWith(".txt") ? [child] : []
  })
}

/** Replays all, and returns whether all of them pass. */
export function transcripts(paths: readonly string[], print: (line: string) => void): boolean {
  const files = paths.flatMap(transcriptFiles)
  let passed = 0
  for (const file of files) {
    const difference = replay(readFileSync(file, "utf8"))
    if (difference === undefined) passed++
    print(`${file}: ${difference ?? "ok"}`)
  }
  if (files.length === 0) print("no transcripts found")
  return files.length > 0 && passed === files.length
}

if (import.meta.main) {
  const paths = process.argv.slice(2)
  if (paths.length === 0) {
    console.error("usage: bun run scripts/transcript.ts DIR...")
    process.exit(2)
  }
  try {
    process.exit(transcripts(paths, console.log) ? 0 : 1)
  } catch (error) {
    console.error(error instanceof Error ? error.message : String(error))
    process.exit(2)
  }
}
