/**
 * The removals of many endpoints in the order that is cheapest for the kernel: the links of all namespaces one after
 * another, for those are deleted together with a single wait (RUNTIME facts: some 16 ms a wait).
 */
import type { NamespacePath } from "../model/dataplane.ts"
import type { Operation } from "../model/operation.ts"

/** Rows before the links that carry them; what a namespace or the host loses at the end comes after its last link. */
const PHASES: Readonly<Partial<Record<Operation["op"], number>>> = {
  "link-del": 1,
  "netns-del": 2,
  "sysctl-restore": 2,
}

/** The same operations, by phase and in each by namespace; the order among those of one namespace and of one kind stays. */
export function orderRemovals(operations: readonly Operation[]): Operation[] {
  const phases: Map<NamespacePath, Operation[]>[] = [new Map(), new Map(), new Map()]
  for (const operation of operations) {
    const phase = phases[PHASES[operation.op] ?? 0]!
    const ofNamespace = phase.get(operation.ns)
    if (ofNamespace) ofNamespace.push(operation)
    else phase.set(operation.ns, [operation])
  }
  return phases.flatMap((phase) => [...phase.values()].flat())
}
