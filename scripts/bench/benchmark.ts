/**
 * What a benchmark is: a name, and a run that gives rows of the table. Each row stands beside its reference, measured in
 * the same run where that can be (the two in turns, so that a noisy machine is noisy to both), else a recorded figure
 * that says where it comes from. Whether a goal was reached is shown and never asserted: a busy machine is no bug.
 */

export interface Row {
  what: string
  /** Our figure, as it is to be read: `2.9 ms`. */
  ovl: string
  /** What it stands beside, as it is to be read: `31 ms, an ip script`; `-` where there is nothing. */
  reference: string
  /** How the two compare: `10.7 x`; `-` where there is nothing to compare. */
  comparison: string
  /** What is to be reached: `at least 6 x`. */
  goal: string
  reached: boolean
  /** Everything measured, for programs: unit in the name (`ovlMs`). */
  figures: Record<string, number>
}

export interface Context {
  /** One line for whoever watches. */
  say: (line: string) => void
  /** Also tell where the time goes, where the benchmark can. */
  profile: boolean
  /** As long as it was promised, where the short form is shorter; rows tell which it was. */
  long: boolean
}

export interface Benchmark {
  name: string
  summary: string
  run: (context: Context) => Promise<Row[]>
}
