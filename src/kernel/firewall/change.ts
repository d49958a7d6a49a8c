/**
 * What `iptables-restore --noflush` must be given to turn the rules that are there into the wanted ones: an empty text
 * where nothing is wrong. One table's part is one atomic change, so no packet ever meets half of it.
 */
import { CHAIN_PREFIX, type Hook, TABLES, type TableName, USER_CHAIN, type WantedTable } from "./rules.ts"
import { type SavedTable, type SavedTables, targetOf } from "./saved.ts"

/** The text, with one part a table that differs. */
export function changeText(wanted: Record<TableName, WantedTable>, saved: SavedTables): string {
  return TABLES.map((name) => tableChange(name, wanted[name], saved.get(name) ?? emptyTable())).join("")
}

function emptyTable(): SavedTable {
  return { chains: new Map(), policies: new Map() }
}

function tableChange(name: TableName, wanted: WantedTable, saved: SavedTable): string {
  const hooks = hookChanges(wanted, saved)
  const stale = [...saved.chains.keys()].filter((chain) => isOurs(chain) && !wanted.chains.has(chain))
  const different = [...wanted.chains].some(([chain, rules]) => !sameRules(saved.chains.get(chain), rules))
  const userMissing = wanted.userChain && !saved.chains.has(USER_CHAIN)
  const userLeft = !wanted.userChain && wanted.chains.size === 0 && saved.chains.get(USER_CHAIN)?.length === 0
  if (hooks.length === 0 && stale.length === 0 && !different && !userMissing && !userLeft) return ""
  const lines = [`*${name}`]
  // Naming a chain makes it, and empties it if it was there: so never OVL-USER when it is.
  for (const chain of wanted.chains.keys()) lines.push(`:${chain} - [0:0]`)
  if (userMissing) lines.push(`:${USER_CHAIN} - [0:0]`)
  for (const [chain, rules] of wanted.chains) for (const rule of rules) lines.push(`-A ${chain} ${rule}`)
  lines.push(...hooks)
  // Emptied before any is deleted, as they refer to each other.
  for (const chain of stale) lines.push(`-F ${chain}`)
  for (const chain of stale) lines.push(`-X ${chain}`)
  if (userLeft) lines.push(`-X ${USER_CHAIN}`)
  lines.push("COMMIT", "")
  return lines.join("\n")
}

function isOurs(chain: string): boolean {
  return chain.startsWith(CHAIN_PREFIX) && chain !== USER_CHAIN
}

function sameRules(saved: readonly string[] | undefined, wanted: readonly string[]): boolean {
  return saved !== undefined && saved.length === wanted.length && wanted.every((rule, i) => rule === saved[i])
}

/**
 * Jumps into our chains from those that are not: each wanted one exactly once. Others may stand before the first, as
 * everyone inserts there and nobody should fight for it; the last must be last, as it drops what nobody accepted.
 */
function hookChanges(wanted: WantedTable, saved: SavedTable): string[] {
  const lines: string[] = []
  const kept = new Set<Hook>()
  for (const [chain, rules] of saved.chains) {
    if (chain.startsWith(CHAIN_PREFIX)) continue
    rules.forEach((rule, position) => {
      if (!isOurs(targetOf(rule))) return
      const hook = wanted.hooks.find((one) => one.chain === chain && one.rule === rule)
      const inPlace = hook !== undefined && (hook.at === "first" || position === rules.length - 1)
      if (hook !== undefined && inPlace && !kept.has(hook)) kept.add(hook)
      else lines.push(`-D ${chain} ${rule}`)
    })
  }
  // Deleting by text takes the first that matches, which may be the one to keep: then all of them are made again.
  for (const hook of wanted.hooks) {
    if (lines.includes(`-D ${hook.chain} ${hook.rule}`) && kept.delete(hook)) {
      lines.unshift(`-D ${hook.chain} ${hook.rule}`)
    }
    if (!kept.has(hook)) lines.push(`${hook.at === "first" ? "-I" : "-A"} ${hook.chain} ${hook.rule}`)
  }
  return lines
}
