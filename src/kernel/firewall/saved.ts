/** Reads what `iptables-save` prints: the tables with their chains and rules. */

export interface SavedTable {
  /** Rules by chain, without `-A <chain>`, in order. */
  chains: Map<string, string[]>
  /** Chains that the kernel has itself, with their policies. */
  policies: Map<string, string>
}

export type SavedTables = Map<string, SavedTable>

/** Lines of other forms (comments, COMMIT) are passed over. */
export function parseSaved(text: string): SavedTables {
  const tables: SavedTables = new Map()
  let table: SavedTable | undefined
  for (const line of text.split("\n")) {
    if (line.startsWith("*")) {
      table = { chains: new Map(), policies: new Map() }
      tables.set(line.slice(1), table)
    } else if (line.startsWith(":")) {
      const [name = "", policy = "-"] = line.slice(1).split(" ")
      table?.chains.set(name, [])
      if (policy !== "-") table?.policies.set(name, policy)
    } else if (line.startsWith("-A ")) {
      const end = line.indexOf(" ", 3)
      const name = end < 0 ? line.slice(3) : line.slice(3, end)
      table?.chains.get(name)?.push(end < 0 ? "" : line.slice(end + 1))
    }
  }
  return tables
}

/** Where a rule jumps or goes to; empty if it does neither. */
export function targetOf(rule: string): string {
  return /(?:^| )-[jg] (\S+)/.exec(rule)?.[1] ?? ""
}
