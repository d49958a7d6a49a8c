/**
 * The removals of many endpoints in the order that is cheapest for the kernel: by namespace, and in each the links one
 * after another, for those are deleted together with a single wait (RUNTIME facts: some 16 ms a wait).
 */
import type { NamespacePath } from "../model/dataplane.ts"
import type { Operation } from "../model/operation.ts"

/** Rows before the links that carry them; what a namespace or the host loses at the end comes after its last link. */
const PHASES: Readonly<Partial<Record<Operation["op"], number>>> = {
  "link-del": 1,
  "netns-del": 2,
  "sysctl-restore": 2,
}

/** The same operations; the order among those of one namespace and of one kind stays. */
export function orderRemovals(operations: readonly Operation[]): Operation[] {
  const byNamespace = new Map<NamespacePath, Operation[][]>()
  for (const operation of operations) {
    const phases = byNamespace.get(operation.ns) ?? [[], [], []]
    phases[PHASES[operation.op] ?? 0]!.push(operation)
    byNamespace.set(operation.ns, phases)
  }
  return [...byNamespace.values()].flat(2)
}
