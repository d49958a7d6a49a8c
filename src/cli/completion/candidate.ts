/** What completion answers with: words that may stand here, or the kind of thing that the shell itself knows best. */

export interface Candidate {
  /** The whole word, what was typed of it included. */
  word: string
  description: string
}

export interface Completion {
  candidates: Candidate[]
  /** What the shell adds: paths of files, of directories only, names of programs. */
  shell: "nothing" | "files" | "folders" | "programs"
}

export const NOTHING: Completion = { candidates: [], shell: "nothing" }

export function fromShell(shell: Completion["shell"]): Completion {
  return { candidates: [], shell }
}

/** Those that begin with what was typed, in their order; names without regard to case, as ovl takes them. */
export function beginningWith(typed: string, candidates: readonly Candidate[]): Candidate[] {
  const exact = candidates.filter(({ word }) => word.startsWith(typed))
  if (exact.length > 0) return exact
  return candidates.filter(({ word }) => word.toLowerCase().startsWith(typed.toLowerCase()))
}

/**
 * For the shells' scripts: the first line says what the shell adds, the others are a candidate each, with a tab before
 * its description. A name that would not survive the way through a shell is left out.
 */
export function completionText({ candidates, shell }: Completion): string {
  const lines = candidates
    .filter(({ word }) => /^[\w.,:=@%+/-]+$/.test(word))
    .map(({ word, description }) => `${word}\t${description.replace(/\p{Cc}/gu, " ")}`)
  return `${[shell, ...lines].join("\n")}\n`
}
