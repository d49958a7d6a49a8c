/**
 * Rules that were found to be as wanted and have not been touched since need no second look. nf_tables counts the
 * transactions of each namespace (its generation, `nft monitor`'s "new generation"), whoever carries them out and
 * whatever of the rules they concern: asking for that number costs some microseconds, where comparing a thousand ports
 * one by one, or calling iptables-save, costs milliseconds.
 */
import { isErrno } from "../../linux/errno.ts"
import { namespaceId } from "../../linux/namespaces.ts"
import { HOST_NAMESPACE, type NamespacePath } from "../../model/dataplane.ts"
import { attributesOf, GET_GENERATION, NfTables } from "./nft-message.ts"

/** NFTA_GEN_ID (include/uapi/linux/netfilter/nf_tables.h). */
const GENERATION_ID = 1

export class KnownRules {
  /** By namespace: which one it was, its generation, and what it was found to be equal to. */
  private readonly known = new Map<NamespacePath, string>()

  /** True if the rules there are as wanted: because they still are, or because `compare` finds so. */
  matches(ns: NamespacePath, wanted: unknown, compare: () => boolean): boolean {
    // Before the comparison: what is changed during it has a higher one.
    const generation = generationOf(ns)
    const now = generation === null ? null : `${generation} ${JSON.stringify(wanted)}`
    if (now !== null && this.known.get(ns) === now) return true
    this.known.delete(ns)
    const same = compare()
    if (same && now !== null) this.known.set(ns, now)
    return same
  }

  /** Nothing is kept of a namespace that is gone. */
  forget(ns: NamespacePath): void {
    this.known.delete(ns)
  }
}

/** Unlike that of any other namespace too; null where the kernel does not tell. */
function generationOf(ns: NamespacePath): string | null {
  try {
    const { dev, ino } = ns === HOST_NAMESPACE ? namespaceId() : namespaceId(ns)
    const answer = NfTables.use(ns, (tables) => tables.get(GET_GENERATION))
    const id = answer && attributesOf(answer).get(GENERATION_ID)
    return id ? `${dev}:${ino} ${id.readUInt32BE(0)}` : null
  } catch (error) {
    if (isErrno(error, "ENOENT", "ENOTDIR", "ESRCH", "EINVAL", "ENOTTY", "EPROTONOSUPPORT", "EOPNOTSUPP")) return null
    throw error
  }
}
