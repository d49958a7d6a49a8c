/** `ovl lab up --dry-run`: what would be done, as lines. */
import type { Topology } from "./topology.ts"

export interface DryRun {
  changes: number
  lines: string[]
  remarks: string[]
}

export async function dryRun(_topology: Topology, _isRoot: boolean): Promise<DryRun> {
  return { changes: 0, lines: [], remarks: [] }
}
