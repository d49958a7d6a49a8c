/**
 * What on this machine is ovl's, by the marks that it carries: listed, and taken away altogether when ovl leaves.
 */
import { deleteNamespace, listNamespaces, releaseNamespaceDirectory } from "../linux/namespaces.ts"
import {
  EGRESS_BRIDGE_NAME,
  EGRESS_MARK,
  HOST_NAMESPACE,
  isEgressPort,
  markedId,
  type NamespacePath,
  NETNS_DIRECTORY,
} from "../model/dataplane.ts"
import type { Operation } from "../model/operation.ts"
import { type Link, link } from "../netlink/index.ts"
import { listFirewall, removeFirewall } from "./firewall/firewall.ts"
import { removeGuard } from "./firewall/guard.ts"
import { deleteTogether } from "./link-group.ts"
import { isHiddenName, type NamespaceSockets } from "./namespace-sockets.ts"
import type { HiddenNamespace, Inventory } from "./port.ts"
import type { Remembered } from "./remembered.ts"
import { restoreSysctls } from "./sysctl.ts"

export class Belongings {
  constructor(
    private readonly sockets: NamespaceSockets,
    private readonly remembered: Remembered,
  ) {}

  /** As `Kernel.listHidden`. */
  listHidden(): HiddenNamespace[] {
    const found: HiddenNamespace[] = []
    for (const { path, id } of listNamespaces(NETNS_DIRECTORY, isHiddenName)) {
      const marked = id === null ? null : this.markOf(path)
      if (marked !== undefined) found.push({ netns: path, networkId: marked })
    }
    return found
  }

  /** The network's id; null for an empty one without a mark; undefined for one that is somebody else's. */
  private markOf(path: NamespacePath): string | null | undefined {
    return this.sockets.with(path, ({ socket }) => {
      const loopback = link.get(socket, "lo")
      const id = markedId(loopback?.alias ?? null)
      if (id !== null) return id
      return link.list(socket).length > 1 ? undefined : null
    })
  }

  /** All of it is taken away; a line for each thing that was there. `apply` carries out what can be. */
  purge(apply: (operations: readonly Operation[]) => void): string[] {
    const removed: string[] = []
    if (removeGuard(HOST_NAMESPACE)) removed.push("nf_tables bridge ovl")
    for (const { netns } of this.listHidden()) {
      this.removeHidden(netns)
      removed.push(`namespace ${netns}`)
    }
    const links = this.hostLinks().map((one) => one.name)
    apply(links.map((name) => ({ op: "link-del", ns: HOST_NAMESPACE, name })))
    removed.push(...links.map((name) => `link ${name}`), ...removeFirewall(this.remembered))
    removed.push(...restoreSysctls(this.remembered))
    if (this.remembered.read().netnsDirectory) {
      if (releaseNamespaceDirectory(NETNS_DIRECTORY)) removed.push(`mount ${NETNS_DIRECTORY}`)
      this.remembered.change((facts) => {
        facts.netnsDirectory = false
      })
    }
    return removed
  }

  /** Its links first, as the namespace may be held by somebody and would keep the VNI. */
  private removeHidden(netns: NamespacePath): void {
    this.sockets.with(netns, ({ socket }) => {
      const ours = link.list(socket).filter((one) => one.name !== "lo" && markedId(one.alias) !== null)
      deleteTogether([{ socket, names: ours.map((one) => one.name) }])
    })
    this.sockets.forget(netns)
    deleteNamespace(netns)
  }

  /**
   * Ours among the host's links: the egress bridge, and ports whose name and mark both come from one endpoint. A mark
   * alone is not enough: on a host that is itself a workload of another ovl, its own interfaces carry one.
   */
  private hostLinks(): Link[] {
    const all = link.list(this.sockets.host)
    return all.filter((one) => (one.name === EGRESS_BRIDGE_NAME ? one.alias === EGRESS_MARK : isEgressPort(one)))
  }

  /** By name, sorted. */
  inventory(): Inventory {
    const hidden = this.listHidden().map(({ netns }) => netns)
    const inside = hidden.flatMap(
      (netns) =>
        this.sockets.with(netns, ({ socket }) =>
          link.list(socket).flatMap((one) => (one.name === "lo" ? [] : [`${netns} ${one.name}`])),
        ) ?? [],
    )
    return {
      namespaces: hidden.sort(),
      links: [...this.hostLinks().map((one) => one.name), ...inside].sort(),
      firewall: listFirewall().sort(),
      sysctls: Object.keys(this.remembered.read().sysctls).sort(),
    }
  }
}
