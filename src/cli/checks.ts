/**
 * Values that are wrong in themselves are refused before a daemon is asked, by the very functions by which the daemon
 * would refuse them. Loaded only when a command has such a value: most of what it needs is of no use to the others.
 */
import { OvlError } from "../base/errors.ts"
import { LABEL_MAX_CHARS, LABELS_MAX, NETWORKS_PER_WORKLOAD_MAX } from "../base/limits.ts"
import { parseIp } from "../model/address.ts"
import { parseMac } from "../model/mac.ts"
import { checkIfname, checkName, NAME_RULE } from "../model/name-rule.ts"
import type { NetworkSpec } from "../model/network.ts"
import { parsePortMapping } from "../model/port-mapping.ts"
import { askedSubnets } from "../model/subnet.ts"
import type { ArgumentTable, Held, OptionTable } from "./command.ts"
import { checkKey } from "./kv/key.ts"
import { checkUint64 } from "./kv/numbers.ts"
import { usageError } from "./usage.ts"

/** What people call a thing that there is: its name, an id or its beginning, or `<workload>.<network>`. */
const REFERENCE_PATTERN = /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,126}$/

function checkReference(text: string, what: string): void {
  if (REFERENCE_PATTERN.test(text)) return
  throw new OvlError("name_invalid", `${what} name ${JSON.stringify(text)}: malformed`, {
    kind: "usage",
    hint: NAME_RULE,
  })
}

/** An address without a prefix length. Errors: `address_invalid` (usage). */
function checkAddress(text: string): void {
  if (parseIp(text) !== null) return
  const hint = "write it without a prefix length, as 10.65.10.2 or fd00:65:10::2"
  throw new OvlError("address_invalid", `address ${text}: not an IP address`, { kind: "usage", hint })
}

/** Errors: `address_invalid` (usage). */
function checkIpv6(text: string): void {
  if (parseIp(text)?.family === 6) return
  const hint = "write it without a prefix length, as fd00:65:10::2"
  throw new OvlError("address_invalid", `address ${text}: not an IPv6 address`, { kind: "usage", hint })
}

const CHECKS: Record<Held, (text: string) => void> = {
  "new network": (text) => checkName(text, "network"),
  "new workload": (text) => checkName(text, "workload"),
  "new node": (text) => checkName(text, "node"),
  lab: (text) => checkName(text, "lab"),
  host: (text) => checkName(text, "host"),
  network: (text) => checkReference(text, "network"),
  workload: (text) => checkReference(text, "workload"),
  endpoint: (text) => checkReference(text, "endpoint"),
  node: (text) => checkReference(text, "node"),
  token: (text) => checkReference(text, "token"),
  address: checkAddress,
  ipv6: checkIpv6,
  mac: (text) => void parseMac(text),
  ports: (text) => void parsePortMapping(text),
  ifname: (text) => void checkIfname(text),
  key: checkKey,
  uint64: checkUint64,
  code: () => {},
}

type Values = Readonly<Record<string, unknown>>

/** Checks all values of a verb whose declaration says what they hold. Errors: those of the checks, all of kind usage. */
export function checkValues(table: OptionTable | ArgumentTable, values: Values): void {
  for (const [name, { holds }] of Object.entries<{ holds?: Held }>(table)) {
    if (holds === undefined) continue
    const value = values[name] ?? []
    for (const text of Array.isArray(value) ? value : [value]) CHECKS[holds](text as string)
  }
}

/**
 * What the options of `network create` say together. Errors: subnet_invalid, subnets_too_many, subnet_overlap,
 * gateway_invalid, ip_range_invalid, labels_invalid.
 */
export function checkNetwork(spec: NetworkSpec): void {
  checkLabels(spec)
  askedSubnets(spec)
}

function checkLabels({ name, labels = {} }: NetworkSpec): void {
  const texts = Object.entries(labels).flat()
  const tooLong = texts.some((text) => text.length > LABEL_MAX_CHARS)
  if (!tooLong && texts.length / 2 <= LABELS_MAX) return
  const why = tooLong ? `a key or a value is longer than ${LABEL_MAX_CHARS} characters` : `at most ${LABELS_MAX} labels`
  throw usageError("labels_invalid", `network ${name}: labels: ${why}`, "keep what is long elsewhere, under a name")
}

/** The networks of one workload. Errors: networks_too_many, network_repeated. */
export function checkNetworks(names: readonly string[]): void {
  if (names.length > NETWORKS_PER_WORKLOAD_MAX)
    throw usageError(
      "networks_too_many",
      `run: ${names.length} networks: a workload can be on ${NETWORKS_PER_WORKLOAD_MAX} at most`,
      "leave some of them out",
    )
  const seen = new Set<string>()
  for (const name of names) {
    if (seen.has(name.toLowerCase()))
      throw usageError("network_repeated", `run: network ${name} is named twice`, "name each network once")
    seen.add(name.toLowerCase())
  }
}
