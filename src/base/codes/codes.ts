/**
 * Every code that an error, or a problem of `ovl status`, may have. Scripts rely on the codes; people look them up with
 * `ovl explain CODE`. A test walks the sources: a code without a row fails it, and a row without a code.
 */
import { nearest } from "../nearest.ts"
import { API_CODES } from "./api.ts"
import { CLUSTER_CODES } from "./cluster.ts"
import { COMMAND_LINE_CODES } from "./command-line.ts"
import { FILE_CODES } from "./files.ts"
import { HEALTH_CODES } from "./health.ts"
import { JOINING_CODES } from "./joining.ts"
import { KERNEL_CODES } from "./kernel.ts"
import { LAB_CODES } from "./labs.ts"
import { NETWORK_CODES } from "./networks.ts"
import { PEER_CODES } from "./peers.ts"
import type { CodeRow, CodeTable } from "./row.ts"
import { SERVICE_CODES } from "./service.ts"
import { STORE_CODES } from "./store.ts"
import { VALUE_CODES } from "./values.ts"
import { WORKLOAD_CODES } from "./workloads.ts"

export type { CodeRow } from "./row.ts"

export interface CodeSubject {
  /** As a heading: `Networks`. */
  title: string
  codes: CodeTable
}

/** In the order in which somebody new meets them. */
export const CODE_SUBJECTS: readonly CodeSubject[] = [
  { title: "Command line", codes: COMMAND_LINE_CODES },
  { title: "Files and configuration", codes: FILE_CODES },
  { title: "Values", codes: VALUE_CODES },
  { title: "Networks", codes: NETWORK_CODES },
  { title: "Workloads and endpoints", codes: WORKLOAD_CODES },
  { title: "Health", codes: HEALTH_CODES },
  { title: "Joining", codes: JOINING_CODES },
  { title: "Service and audit", codes: SERVICE_CODES },
  { title: "Daemon and cluster", codes: CLUSTER_CODES },
  { title: "Between nodes", codes: PEER_CODES },
  { title: "Keys, values and the store", codes: STORE_CODES },
  { title: "API and listeners", codes: API_CODES },
  { title: "Kernel", codes: KERNEL_CODES },
  { title: "Labs", codes: LAB_CODES },
]

/** All codes; one that ends in `*` stands for all that begin so. */
export function allCodes(): string[] {
  return CODE_SUBJECTS.flatMap(({ codes }) => Object.keys(codes))
}

/** What is known of a code, or undefined. */
export function findCode(code: string): CodeRow | undefined {
  for (const { codes } of CODE_SUBJECTS) {
    if (Object.hasOwn(codes, code) && !code.endsWith("*")) return codes[code]
    const family = Object.keys(codes).find((each) => each.endsWith("*") && belongs(code, each.slice(0, -1)))
    if (family !== undefined) return codes[family]
  }
  return undefined
}

function belongs(code: string, beginning: string): boolean {
  return code.startsWith(beginning) && /^[a-z0-9]+$/.test(code.slice(beginning.length))
}

/** The code that was probably meant, if there is one. */
export function codeNear(given: string): string | undefined {
  const folded = given.toLowerCase().replaceAll("-", "_")
  const codes = allCodes()
  return nearest(folded, codes) ?? codes.find((code) => folded.length >= 3 && code.includes(folded))
}
