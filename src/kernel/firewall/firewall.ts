/** The host's rules as one thing: compare with what is wanted, make them so, remove them. See `rules.ts` for what they say. */
import type { FirewallState } from "../../model/dataplane.ts"
import type { Remembered } from "../remembered.ts"
import { changeText } from "./change.ts"
import { hasIptables, restoreRules, saveRules } from "./iptables.ts"
import { deleteEmptyTable } from "./nftables.ts"
import { CHAIN_PREFIX, type Family, TABLES, wantedTables } from "./rules.ts"
import { parseSaved, targetOf } from "./saved.ts"

const FAMILIES: readonly Family[] = [4, 6]
const NO_RULES: FirewallState = { vxlan: null, egress: null }

/** The change that is missing, by family; empty texts where nothing is. */
function pendingChange(state: FirewallState, family: Family): { text: string; absent: string[] } {
  const saved = parseSaved(saveRules(family))
  const hasDockerUser = saved.get("filter")?.chains.has("DOCKER-USER") ?? false
  const text = changeText(wantedTables(state, family, hasDockerUser), saved)
  return { text, absent: TABLES.filter((table) => !saved.has(table) && text.includes(`*${table}\n`)) }
}

/** IPv6 is looked at only where it may matter: a VTEP or the bridge has such an address, or rules were made before. */
function familiesOf(state: FirewallState, remembered: Remembered): Family[] {
  const wantsIpv6 = state.vxlan?.members.some((member) => member.includes(":")) ?? false
  return wantsIpv6 || state.egress?.ipv6 || remembered.read().ipv6Rules ? [4, 6] : [4]
}

export function firewallMatches(state: FirewallState, remembered: Remembered): boolean {
  return firewallDifference(state, remembered).length === 0
}

/** The lines that are missing, wrong or too many, as `iptables-restore` would be given them. */
export function firewallDifference(state: FirewallState, remembered: Remembered): string[] {
  return familiesOf(state, remembered).flatMap((family) =>
    pendingChange(state, family)
      .text.split("\n")
      .filter((line) => line !== "" && line !== "COMMIT"),
  )
}

/** True if something had to be written. */
export function applyFirewall(state: FirewallState, remembered: Remembered): boolean {
  let wrote = false
  for (const family of familiesOf(state, remembered)) {
    const { text, absent } = pendingChange(state, family)
    if (text === "") continue
    const tables = absent.map((table) => `${family}/${table}`)
    if (tables.length > 0 || family === 6) {
      remembered.change((facts) => {
        facts.tables = [...new Set([...facts.tables, ...tables])]
        facts.ipv6Rules ||= family === 6
      })
    }
    restoreRules(family, text)
    wrote = true
  }
  if (wrote && state.vxlan === null && state.egress === null) removeEmptyTables(remembered)
  return wrote
}

/** Removes every chain of ours, and tables that were not there before us. Without iptables there can be none. */
export function removeFirewall(remembered: Remembered): string[] {
  const removed: string[] = []
  for (const family of FAMILIES) {
    if (!hasIptables(family)) continue
    const { text } = pendingChange(NO_RULES, family)
    if (text === "") continue
    restoreRules(family, text)
    removed.push(`${family === 4 ? "iptables" : "ip6tables"} chains ${CHAIN_PREFIX}*`)
  }
  removeEmptyTables(remembered)
  return removed
}

const STANDARD_CHAINS: Record<string, readonly string[]> = {
  raw: ["PREROUTING", "OUTPUT"],
  filter: ["INPUT", "FORWARD", "OUTPUT"],
  nat: ["PREROUTING", "INPUT", "OUTPUT", "POSTROUTING"],
}

function removeEmptyTables(remembered: Remembered): void {
  const { tables, ipv6Rules } = remembered.read()
  for (const one of tables) {
    const [family = "4", table = ""] = one.split("/")
    const number: Family = family === "6" ? 6 : 4
    const saved = parseSaved(saveRules(number)).get(table)
    const accepts = [...(saved?.policies.values() ?? [])].every((policy) => policy === "ACCEPT")
    // A policy that somebody has set is a rule too.
    if (saved && accepts) deleteEmptyTable(number, table, STANDARD_CHAINS[table] ?? [])
  }
  if (tables.length > 0 || ipv6Rules) {
    remembered.change((facts) => {
      facts.tables = []
      facts.ipv6Rules = false
    })
  }
}

/** Our chains and jumps as `iptables-save` lines; none where iptables is not installed. */
export function listFirewall(): string[] {
  return FAMILIES.filter(hasIptables).flatMap((family) =>
    [...parseSaved(saveRules(family))].flatMap(([table, { chains }]) =>
      [...chains].flatMap(([chain, rules]) =>
        rules
          .filter((rule) => chain.startsWith(CHAIN_PREFIX) || targetOf(rule).startsWith(CHAIN_PREFIX))
          .map((rule) => `${family}/${table} -A ${chain} ${rule}`)
          .concat(chain.startsWith(CHAIN_PREFIX) ? [`${family}/${table} -N ${chain}`] : []),
      ),
    ),
  )
}
