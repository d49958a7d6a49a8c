/**
 * A lab's file, read: text in, a whole topology out, or all that is wrong with it, each mistake with its place. Pure;
 * where the text comes from is the caller's business.
 */
import { checkName } from "../../model/names.ts"
import type { Topology } from "../topology.ts"
import { checkShape } from "./check.ts"
import { LabFileError } from "./mistakes.ts"
import { Report, Taken } from "./report.ts"
import { resolveExpectations } from "./resolve-expectations.ts"
import { resolveNetworks } from "./resolve-networks.ts"
import { resolveStations } from "./resolve-nodes.ts"
import { resolveWorkloads } from "./resolve-workloads.ts"
import type { LabFile } from "./schema.ts"
import { Source } from "./source.ts"

const DEFAULT_KV_PREFIX = "ovl"

export interface ReadOptions {
  /** Goes before the lab's own. */
  name?: string
  /** What a lab of that name is now: who asks for no address keeps the one that it has. */
  known?(lab: string): Topology | null
}

/** `path` is how errors call the file. Errors: LabFileError (usage), name_invalid. */
export function readLabFile(path: string, text: string, { name, known }: ReadOptions = {}): Topology {
  // Before anything is looked for under that name.
  if (name !== undefined) checkName(name, "lab")
  // A mark that some editors put in front of everything is no part of the file.
  const content = text.replace(/^\ufeff/, "")
  const source = new Source(content)
  const mistakes = [...source.mistakes]
  const file = mistakes.length === 0 ? checkShape(source, mistakes) : null
  const report = new Report(source)
  const before = file === null ? null : (known?.(name ?? file.name) ?? null)
  const topology = file === null ? null : resolve(file, report, before)
  mistakes.push(...report.mistakes)
  if (mistakes.length > 0 || topology === null) throw new LabFileError(path, content, mistakes)
  return name === undefined ? topology : { ...topology, name }
}

function resolve(file: LabFile, report: Report, before: Topology | null): Topology | null {
  // Nodes, the outside and workloads are spoken of by their names alone.
  const names = new Taken()
  const stations = resolveStations(file, report, names, before)
  const networks = resolveNetworks(file, report)
  if (stations === null) return null
  const workloads = resolveWorkloads(file, stations.hosts, networks, report, names, before)
  const members = { ...stations, networks, workloads }
  return {
    name: file.name,
    description: file.description ?? "",
    kvPrefix: file["kv-prefix"] ?? DEFAULT_KV_PREFIX,
    ...members,
    expect: resolveExpectations(file, members, report),
  }
}
