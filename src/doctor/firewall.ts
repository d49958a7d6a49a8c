/**
 * What the host's own rules mean to the overlay: foreign ones that bite it, and which of the two families of iptables they
 * are in. Rules are only read; the probe of the ways tells what they come to.
 */
import { existsSync, readdirSync, readFileSync } from "node:fs"
import { VXLAN_PORT } from "../base/limits.ts"
import { CHAIN_PREFIX } from "../kernel/firewall/rules.ts"
import { type SavedTables, targetOf } from "../kernel/firewall/saved.ts"
import { type Check, type Finding, failed, ok, warning } from "./check.ts"

const REFUSALS = new Set(["DROP", "REJECT"])
const PROGRAM_TIMEOUT_MS = 5_000

export const flavour: Check = {
  name: "iptables",
  look(): Finding[] {
    const version = say("iptables", ["--version"])
    if (version === null) return [] // The kernel's check says that it is missing.
    return [flavourFinding(version, say("iptables-legacy-save", []), say("iptables-nft-save", []))]
  },
}

/**
 * Exported for tests. `legacy`, `modern`: the rules of each family, null where they cannot be read. Rules in the family
 * that ovl's are not in bite all the same, and no other check sees them.
 */
export function flavourFinding(version: string, legacy: string | null, modern: string | null): Finding {
  const [uses, otherFamily, other] = version.includes("nf_tables")
    ? ["nf_tables", "legacy", legacy]
    : ["legacy", "nf_tables", modern]
  if (other !== null && hasRules(other))
    return warning(
      `foreign rules in the other of its two families, ${otherFamily}; ovl's are in ${uses}`,
      "a packet must pass both: move the rules of one family to the other (iptables-legacy-save, iptables-nft-save)",
    )
  return ok(`${version.trim()}${other === null ? "" : ", no foreign rules in the other family"}`)
}

export const foreignRules: Check = {
  name: "firewall",
  look(patient): Finding[] {
    const manager = managerOf(patient.rules)
    const found = [...vxlanFindings(patient.rules, manager), ...forwardFindings(patient.rules), ...nftFindings()]
    const who = manager === null ? "" : `; ${manager} is at work here`
    return found.length > 0 ? found : [ok(`no foreign rule against VXLAN or forwarding was found${who}`)]
  },
}

/** Exported for tests: rules of others that drop VXLAN, and defaults that nothing makes an exception from. */
export function vxlanFindings(tables: SavedTables, manager: string | null): Finding[] {
  const found: Finding[] = []
  for (const [table, { chains }] of tables)
    for (const [chain, rules] of chains) {
      if (chain.startsWith(CHAIN_PREFIX)) continue
      for (const rule of rules)
        if (dropsVxlan(rule)) found.push(droppedBy(`iptables -t ${table} -A ${chain} ${rule}`, rule))
    }
  const filter = tables.get("filter")
  const rules = [...(filter?.chains ?? [])].flatMap(([chain, each]) => (chain.startsWith(CHAIN_PREFIX) ? [] : each))
  if (found.length === 0 && filter?.policies.get("INPUT") !== "ACCEPT" && filter && !rules.some(mayAcceptVxlan))
    found.push(
      warning(
        `INPUT drops what no rule accepts, and no rule accepts UDP port ${VXLAN_PORT}`,
        opening(manager),
        "firewall: VXLAN",
      ),
    )
  return found
}

function droppedBy(line: string, rule: string): Finding {
  const isForAll = !/(^| )(-s|-d|-i|-o|-m (limit|hashlimit|connlimit|length|conntrack|state|owner|mark|set))\b/.test(
    rule,
  )
  const hint = "take the rule away, or put one before it that accepts what comes from the other nodes"
  return (isForAll ? failed : warning)(`a rule drops VXLAN: ${line}`, hint, "firewall: VXLAN")
}

function dropsVxlan(rule: string): boolean {
  return REFUSALS.has(targetOf(rule)) && namesVxlan(rule)
}

/** `--dport 4789`, a range or a list that holds it. */
function namesVxlan(rule: string): boolean {
  const asked = /(?:^| )--(?:dport|dports|destination-port|destination-ports) (\S+)/.exec(rule)?.[1]
  if (asked === undefined || / ! --dport/.test(rule) || !/-p (udp|17)\b/.test(rule)) return false
  return asked.split(",").some((part) => {
    const [first = 0, last = first] = part.split(":").map(Number)
    return first <= VXLAN_PORT && VXLAN_PORT <= last
  })
}

/** Whether it is for VXLAN, or for so much that VXLAN may be among it. */
function mayAcceptVxlan(rule: string): boolean {
  if (targetOf(rule) !== "ACCEPT" || /-i lo\b/.test(rule)) return false
  if (namesVxlan(rule)) return true
  const isNarrow = /(--dport|--sport|--ctstate|--state|-p (tcp|icmp|6|1|ipv6-icmp)\b|--icmp-type|--pkt-type|-d )/.test(
    rule,
  )
  return !isNarrow
}

function opening(manager: string | null): string {
  if (manager === "firewalld")
    return `firewall-cmd --permanent --add-port=${VXLAN_PORT}/udp --add-port=8300/tcp && firewall-cmd --reload`
  if (manager === "ufw") return `ufw allow ${VXLAN_PORT}/udp && ufw allow 8300/tcp`
  return `iptables -I INPUT -p udp --dport ${VXLAN_PORT} -s OTHER-NODES -j ACCEPT, and TCP port 8300 likewise`
}

/** Exported for tests. */
export function forwardFindings(tables: SavedTables): Finding[] {
  const filter = tables.get("filter")
  const rules = filter?.chains.get("FORWARD") ?? []
  const name = "firewall: FORWARD"
  const ours = rules.findIndex((rule) => targetOf(rule) === `${CHAIN_PREFIX}FORWARD`)
  const before = ours < 0 ? [] : rules.slice(0, ours)
  const bites = before.find((rule) => REFUSALS.has(targetOf(rule)))
  if (bites !== undefined)
    return [
      failed(
        `a rule stands before ovl's and takes what workloads send: iptables -A FORWARD ${bites}`,
        "put it below the jump to OVL-FORWARD, or write what is to be refused into OVL-USER",
        name,
      ),
    ]
  if (filter?.policies.get("FORWARD") !== "DROP") return []
  if (ours >= 0) return [ok("FORWARD drops by default; ovl's own chain accepts for workloads first", name)]
  return [ok("FORWARD drops by default; ovl accepts for its workloads as soon as there are some", name)]
}

function managerOf(tables: SavedTables): "firewalld" | "ufw" | null {
  if ([...(tables.get("filter")?.chains.keys() ?? [])].some((chain) => chain.startsWith("ufw-"))) return "ufw"
  return isRunning("firewalld") ? "firewalld" : null
}

function isRunning(program: string): boolean {
  return readdirSync("/proc").some((name) => {
    try {
      return /^\d+$/.test(name) && readFileSync(`/proc/${name}/comm`, "utf8").trim() === program
    } catch {
      return false
    }
  })
}

/** Rules of nf_tables that iptables does not show, where `nft` is there to show them. */
function nftFindings(): Finding[] {
  const ruleset = say("nft", ["list", "ruleset"])
  return ruleset === null ? [] : nftRuleFindings(ruleset)
}

/** Exported for tests: lines that drop VXLAN in tables that are neither iptables' nor ovl's. */
export function nftRuleFindings(ruleset: string): Finding[] {
  const found: Finding[] = []
  let table = ""
  for (const line of ruleset.split("\n")) {
    table = /^table (\S+ \S+) \{/.exec(line)?.[1] ?? table
    if (/^(ip6? (filter|nat|raw|mangle|security)|bridge ovl)$/.test(table)) continue
    if (!new RegExp(`udp dport .*\\b${VXLAN_PORT}\\b.*\\b(drop|reject)\\b`).test(line)) continue
    found.push(
      warning(
        `a rule of nf_tables drops VXLAN: table ${table}: ${line.trim()}`,
        `accept UDP port ${VXLAN_PORT} from the other nodes there`,
        "firewall: VXLAN",
      ),
    )
  }
  return found
}

function hasRules(saved: string): boolean {
  return saved.split("\n").some((line) => line.startsWith("-A ") && !line.includes(CHAIN_PREFIX))
}

/** What a program prints; null where it is not there or fails. */
function say(program: string, args: string[]): string | null {
  const path =
    Bun.which(program) ?? ["/usr/sbin", "/sbin"].map((dir) => `${dir}/${program}`).find((each) => existsSync(each))
  if (path === undefined) return null
  const child = Bun.spawnSync([path, ...args], { stdout: "pipe", stderr: "ignore", timeout: PROGRAM_TIMEOUT_MS })
  return child.success ? child.stdout.toString() : null
}
