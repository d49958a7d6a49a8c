/**
 * What is cut on a lab's switch: a table of bridge rules that drop frames between two ports, in both directions. The
 * cables stay up: as with a broken fibre somewhere between, nobody is told, and only silence is heard.
 */
import { OvlError } from "../../base/errors.ts"
import { isErrno, LinuxError } from "../../linux/errno.ts"
import { IFNAME_MAX_CHARS } from "../../base/limits.ts"
import {
  type Attribute,
  attributesOf,
  bytes,
  type Change,
  DELETE_TABLE,
  GET_CHAIN,
  GET_RULE,
  NEW_CHAIN,
  NEW_RULE,
  NEW_TABLE,
  NfTables,
  nested,
  number,
  text,
} from "../../kernel/firewall/nft-message.ts"
import type { Cut } from "../topology.ts"
import { CUTS_CHAIN, CUTS_TABLE, cutLine } from "./steps.ts"
import { ordered } from "./wanted.ts"

// include/uapi/linux/netfilter/nf_tables.h and netfilter_bridge.h
const HOOK_FORWARD = 2
const PRIORITY_FILTER_BRIDGED = -200
const META_IIFNAME = 6
const META_OIFNAME = 7
const NF_DROP = 0
const NF_ACCEPT = 1
const REGISTER_0 = 8
const LIST_ELEMENT = 1
const COMMENT_KIND = 0

/** The pairs that are cut in a switch's namespace, each once. */
export function readCuts(namespace: string): Cut[] {
  const found = rulesOf(namespace)
  const cuts = new Map<string, Cut>()
  for (const object of found) {
    const attributes = attributesOf(object)
    if (textOf(attributes.get(1)) !== CUTS_TABLE) continue
    const match = /iifname "(.+)" oifname "(.+)" drop/.exec(textOf(attributes.get(7)?.subarray(2)))
    const cut = match && ordered([match[1]!, match[2]!])
    if (cut) cuts.set(cut.join(" "), cut)
  }
  return [...cuts.values()]
}

/** None in a kernel that could not have any. */
function rulesOf(namespace: string): Buffer[] {
  try {
    return NfTables.use(namespace, (tables) => tables.dump(GET_RULE, [text(1, CUTS_TABLE)]))
  } catch (error) {
    if (isErrno(error, "EPROTONOSUPPORT", "EOPNOTSUPP")) return []
    throw error
  }
}

/** Makes it these pairs and no others, in one transaction. Errors: lab_cut_refused. */
export function writeCuts(namespace: string, cuts: readonly Cut[]): void {
  try {
    NfTables.use(namespace, (tables) => {
      const chains = tables.dump(GET_CHAIN, [])
      const isThere = chains.some((chain) => textOf(attributesOf(chain).get(1)) === CUTS_TABLE)
      const changes: Change[] = isThere ? [{ type: DELETE_TABLE, attributes: [text(1, CUTS_TABLE)] }] : []
      if (cuts.length > 0) changes.push(...newTable(cuts))
      if (changes.length > 0) tables.commit(changes)
    })
  } catch (error) {
    if (!(error instanceof LinuxError)) throw error
    throw new OvlError("lab_cut_refused", `lab: links cannot be cut on this machine: ${error.message}`, {
      hint: "the kernel must have nf_tables for bridges (CONFIG_NF_TABLES_BRIDGE, module nf_tables)",
      cause: error,
    })
  }
}

function newTable(cuts: readonly Cut[]): Change[] {
  const place = nested(4, [number(1, HOOK_FORWARD), number(2, PRIORITY_FILTER_BRIDGED)])
  return [
    { type: NEW_TABLE, attributes: [text(1, CUTS_TABLE)] },
    {
      type: NEW_CHAIN,
      attributes: [text(1, CUTS_TABLE), text(3, CUTS_CHAIN), place, number(5, NF_ACCEPT), text(7, "filter")],
    },
    ...cuts.flatMap(([a, b]) => [dropRule(a, b), dropRule(b, a)]),
  ]
}

function dropRule(from: string, to: string): Change {
  const verdict = nested(2, [nested(2, [number(1, NF_DROP)])])
  const expressions = [
    ...isNamed(META_IIFNAME, from),
    ...isNamed(META_OIFNAME, to),
    expression("immediate", [number(1, 0), verdict]),
  ]
  const line = cutLine(from, to)
  const comment = Buffer.concat([Buffer.from([COMMENT_KIND, line.length + 1]), Buffer.from(`${line}\0`)])
  const attributes = [text(1, CUTS_TABLE), text(2, CUTS_CHAIN), nested(4, expressions), bytes(7, comment)]
  return { type: NEW_RULE, attributes }
}

function isNamed(key: number, name: string): Attribute[] {
  const padded = Buffer.alloc(IFNAME_MAX_CHARS + 1)
  padded.write(name)
  return [
    expression("meta", [number(1, REGISTER_0), number(2, key)]),
    expression("cmp", [number(1, REGISTER_0), number(2, 0), nested(3, [bytes(1, padded)])]),
  ]
}

function expression(name: string, attributes: readonly Attribute[]): Attribute {
  return nested(LIST_ELEMENT, [text(1, name), nested(2, attributes)])
}

function textOf(value: Buffer | undefined): string {
  return value?.toString("utf8").replace(/\0+$/, "") ?? ""
}
