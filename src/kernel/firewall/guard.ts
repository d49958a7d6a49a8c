/** The table `bridge ovl` of a namespace in the kernel: made, compared, changed port by port, removed. See `guard-rules.ts`. */
import { OvlError } from "../../base/errors.ts"
import { isErrno, LinuxError } from "../../linux/errno.ts"
import { isNamespace } from "../../linux/namespaces.ts"
import { type GuardPort, type GuardState, HOST_NAMESPACE, type NamespacePath } from "../../model/dataplane.ts"
import {
  type Chain,
  elementsOf,
  type Field,
  guardChains,
  type Match,
  type Rule,
  SETS,
  type SetName,
} from "./guard-rules.ts"
import {
  type Attribute,
  attributesOf,
  bytes,
  type Change,
  DELETE_ELEMENT,
  DELETE_TABLE,
  FAMILY_BRIDGE,
  GET_CHAIN,
  GET_ELEMENT,
  GET_RULE,
  listOf,
  nested,
  NEW_CHAIN,
  NEW_ELEMENT,
  NEW_RULE,
  NEW_SET,
  NEW_TABLE,
  NfTables,
  number,
  text,
} from "./nft-message.ts"

const TABLE = "ovl"
/** Where notices of the kernel tell of this table. */
export const GUARD_TABLE = { family: FAMILY_BRIDGE, table: TABLE }
/** enum nf_br_hook_priorities and the hooks' numbers (include/uapi/linux/netfilter_bridge.h). */
const HOOKS = { prerouting: 0, input: 1, forward: 2 } as const
const PRIORITY_FILTER_BRIDGED = -200
const NF_ACCEPT = 1
const NF_DROP = 0
const META_KEYS = { protocol: 1, iifname: 6, oifname: 7, l4proto: 16 } as const
const PAYLOAD_BASES = { link: 0, network: 1, transport: 2 } as const
/** The first register of four bytes; a key's parts lie in registers that follow each other. */
const REGISTER_0 = 8
const LIST_ELEMENT = 1
const ELEMENTS_PER_MESSAGE_MAX = 512
/** libnftnl's form of a comment: kind 0, length, text. */
const COMMENT_KIND = 0

/**
 * Makes the table anew, in one transaction. Errors: `guard_refused` where the kernel has no nf_tables for bridges.
 */
export function writeGuard(ns: NamespacePath, state: GuardState): void {
  try {
    write(ns, state)
  } catch (error) {
    if (!(error instanceof LinuxError)) throw error
    throw new OvlError("guard_refused", `table bridge ovl: ${error.message}`, {
      hint: "the kernel must have nf_tables for bridges (CONFIG_NF_TABLES_BRIDGE, module nf_tables)",
      cause: error,
    })
  }
}

function write(ns: NamespacePath, state: GuardState): void {
  NfTables.use(ns, (tables) => {
    const changes: Change[] = []
    // Waits for the kernel, so only where there is one.
    if (tables.dump(GET_CHAIN, []).some((chain) => textOf(attributesOf(chain).get(1)) === TABLE))
      changes.push({ type: DELETE_TABLE, attributes: [text(1, TABLE)] })
    changes.push(newTable())
    for (const name of Object.keys(SETS) as SetName[]) changes.push(newSet(name, changes.length))
    for (const chain of guardChains(state))
      changes.push(newChain(chain), ...chain.rules.map((one) => newRule(chain, one)))
    tables.commit([...changes, ...elementChanges(NEW_ELEMENT, state.ports)])
  })
}

/** Ports that come and go. Errors: ENOENT where there is no table, or no such element. */
export function changeGuard(ns: NamespacePath, gone: readonly GuardPort[], added: readonly GuardPort[]): void {
  if (gone.length + added.length === 0) return
  const changes = [...elementChanges(DELETE_ELEMENT, gone), ...elementChanges(NEW_ELEMENT, added)]
  NfTables.use(ns, (tables) => tables.commit(changes))
}

/** True if the table is as `writeGuard` leaves it. */
export function guardIsAs(ns: NamespacePath, state: GuardState): boolean {
  if (ns !== HOST_NAMESPACE && !isNamespace(ns)) return false
  return NfTables.use(ns, (tables) => {
    const wanted = guardChains(state).flatMap(({ name, rules }) => rules.map((one) => `${name} ${one.line}`))
    const found = tables.dump(GET_RULE, [text(1, TABLE)]).flatMap(describeRule)
    if (wanted.join("\n") !== found.join("\n")) return false
    const elements = new Map<SetName, Set<string>>()
    for (const port of state.ports)
      for (const [set, key] of elementsOf(port))
        elements.set(set, (elements.get(set) ?? new Set()).add(key.toString("hex")))
    return (Object.keys(SETS) as SetName[]).every((name) => sameElements(tables, name, elements.get(name) ?? new Set()))
  })
}

/** True if there was one. */
export function removeGuard(ns: NamespacePath): boolean {
  try {
    NfTables.use(ns, (tables) => tables.commit([{ type: DELETE_TABLE, attributes: [text(1, TABLE)] }]))
    return true
  } catch (error) {
    if (isErrno(error, "ENOENT", "EPROTONOSUPPORT", "EOPNOTSUPP")) return false
    throw error
  }
}

function sameElements(tables: NfTables, set: SetName, wanted: ReadonlySet<string>): boolean {
  const found = tables.dump(GET_ELEMENT, [text(1, TABLE), text(2, set)]).flatMap((object) => {
    const elements = attributesOf(object).get(3)
    return elements === undefined ? [] : listOf(elements).map(([, element]) => keyOf(element))
  })
  return found.length === wanted.size && found.every((key) => wanted.has(key))
}

function keyOf(element: Buffer): string {
  const key = attributesOf(element).get(1)
  return (key && attributesOf(key).get(1))?.toString("hex") ?? ""
}

/** One that is not of the table is none of ours: the kernel may show all of a family. */
function describeRule(object: Buffer): string[] {
  const found = attributesOf(object)
  if (textOf(found.get(1)) !== TABLE) return []
  const comment = found.get(7)
  return [`${textOf(found.get(2))} ${comment ? textOf(comment.subarray(2)) : ""}`]
}

function textOf(value: Buffer | undefined): string {
  return value?.toString("utf8").replace(/\0+$/, "") ?? ""
}

function newTable(): Change {
  return { type: NEW_TABLE, attributes: [text(1, TABLE)] }
}

function newSet(name: SetName, id: number): Change {
  return {
    type: NEW_SET,
    attributes: [text(1, TABLE), text(2, name), number(3, 0), number(4, 0), number(5, SETS[name]), number(10, id)],
  }
}

function newChain({ name, hook }: Chain): Change {
  const place = nested(4, [number(1, HOOKS[hook]), number(2, PRIORITY_FILTER_BRIDGED)])
  const attributes = [text(1, TABLE), text(3, name), place, number(5, NF_ACCEPT), text(7, "filter")]
  return { type: NEW_CHAIN, attributes }
}

function newRule({ name }: Chain, { line, matches, verdict }: Rule): Change {
  const code = nested(2, [number(1, verdict === "drop" ? NF_DROP : NF_ACCEPT)])
  const expressions = [...matches.flatMap(expressionsOf), expression("immediate", [number(1, 0), nested(2, [code])])]
  const comment = Buffer.concat([Buffer.from([COMMENT_KIND, line.length + 1]), Buffer.from(`${line}\0`)])
  return { type: NEW_RULE, attributes: [text(1, TABLE), text(2, name), nested(4, expressions), bytes(7, comment)] }
}

function expression(name: string, attributes: readonly Attribute[]): Attribute {
  return nested(LIST_ELEMENT, [text(1, name), nested(2, attributes)])
}

function expressionsOf(match: Match): Attribute[] {
  if ("field" in match) {
    const compare = [number(1, REGISTER_0), number(2, match.is ? 0 : 1), nested(3, [bytes(1, match.value)])]
    return [load(match.field, REGISTER_0), expression("cmp", compare)]
  }
  const loads: Attribute[] = []
  let register = REGISTER_0
  for (const field of match.fields) {
    loads.push(load(field, register))
    register += Math.ceil(widthOf(field) / 4)
  }
  const lookup = [text(1, match.set), number(2, REGISTER_0), number(5, match.in ? 0 : 1)]
  return [...loads, expression("lookup", lookup)]
}

function widthOf(field: Field): number {
  if ("base" in field) return field.bytes
  return field.meta === "iifname" || field.meta === "oifname" ? 16 : 4
}

function load(field: Field, register: number): Attribute {
  if ("meta" in field) return expression("meta", [number(1, register), number(2, META_KEYS[field.meta])])
  const { base, offset, bytes: length } = field
  return expression("payload", [
    number(1, register),
    number(2, PAYLOAD_BASES[base]),
    number(3, offset),
    number(4, length),
  ])
}

function elementChanges(type: number, ports: readonly GuardPort[]): Change[] {
  const bySet = Map.groupBy(ports.flatMap(elementsOf), ([set]) => set)
  const changes: Change[] = []
  for (const [set, elements] of bySet) {
    for (let from = 0; from < elements.length; from += ELEMENTS_PER_MESSAGE_MAX) {
      const some = elements.slice(from, from + ELEMENTS_PER_MESSAGE_MAX)
      const list = some.map(([, key]) => nested(LIST_ELEMENT, [nested(1, [bytes(1, key)])]))
      changes.push({ type, attributes: [text(1, TABLE), text(2, set), nested(3, list)] })
    }
  }
  return changes
}
