/**
 * This node's endpoints, from the wish to the packet and back: the cluster decides address and name in one commit, the
 * kernel follows, the record says `up`, and every other live node of the network has its rows before the caller hears.
 * When a step fails, those before it are undone.
 */
import { asOvlError, OvlError } from "../base/errors.ts"
import { PROGRAMMED_WAIT_MS, WITHDRAWAL_OF_UNKNOWN_DELAY_MS } from "../base/limits.ts"
import type { Log } from "../base/log.ts"
import { type Random, randomHex } from "../base/random.ts"
import type { Clock } from "../base/clock.ts"
import type { Kernel } from "../kernel/port.ts"
import { readListeners } from "../linux/listeners.ts"
import type { Catalog } from "../model/catalog.ts"
import { type AttachSpec, type Egress, type EndpointRecord, isOfWorkload } from "../model/endpoint.ts"
import { foldName } from "../model/names.ts"
import type { NetworkRecord } from "../model/network.ts"
import { isOfIpv6Alone, type PortMapping } from "../model/port-mapping.ts"
import { endpointNotFound } from "../registry/endpoints.ts"
import { networkNotFound } from "../registry/networks.ts"
import type { Cluster, EndpointSpec } from "../registry/port.ts"
import { BridgeRoom } from "./bridge-room.ts"
import type { Place } from "./connections.ts"
import type { DataPlane } from "./dataplane.ts"
import { EgressAddresses } from "./egress-addresses.ts"
import type { EventBus } from "./events.ts"
import { type ChosenNamespace, chooseIfname, nextIfname, resolveNamespace } from "./namespace-choice.ts"
import { PublishedPorts } from "./published-ports.ts"
import { RemovalQueue } from "./removal-queue.ts"
import type { Replica } from "./replica.ts"
import type { Withdrawals } from "./withdrawals.ts"

export interface EndpointsOptions {
  cluster: Cluster
  replica: Replica
  dataplane: DataPlane
  kernel: Kernel
  withdrawals: Withdrawals
  nodeId: string
  events: EventBus
  clock: Clock
  random: Random
  log: Log
}

export interface WorkloadEndpoints {
  workload: string
  networks: NetworkRecord[]
  netns: string
  ip: string | null
  ip6: string | null
  mac: string | null
  ports: PortMapping[]
}

export class Endpoints {
  readonly #o: EndpointsOptions
  readonly #egress: EgressAddresses
  readonly #ports: PublishedPorts
  /** One attach after another in the same namespace: they choose interface names there. */
  readonly #queues = new Map<string, Promise<unknown>>()
  readonly #removals: RemovalQueue
  /** Endpoints whose new interface name the cluster is just told. */
  readonly #renaming = new Set<string>()
  readonly #room: BridgeRoom

  constructor(options: EndpointsOptions) {
    this.#o = options
    this.#egress = new EgressAddresses(options)
    this.#room = new BridgeRoom(options.replica.catalog, () => this.#own())
    this.#removals = new RemovalQueue(options.clock, (endpoints) => this.#removeTogether(endpoints))
    this.#ports = new PublishedPorts({
      endpoints: () => this.#own(),
      listeners: readListeners,
      addresses: () => options.kernel.hostFacts().addresses,
    })
  }

  get #catalog(): Catalog {
    return this.#o.replica.catalog
  }

  /** Errors: network_not_found, network_repeated. */
  resolveNetworks(references: readonly string[]): NetworkRecord[] {
    const networks = references.map((reference) => {
      const network = this.#catalog.findNetwork(reference)
      if (network) return network
      throw networkNotFound(reference, this.#catalog.namesOf("networks"))
    })
    if (new Set(networks).size < networks.length)
      throw new OvlError("network_repeated", `cannot join ${references.join(", ")}: a network is named twice`, {
        kind: "invalid",
        hint: "name each network once",
      })
    return networks
  }

  /**
   * The endpoints of a workload that `run` makes: eth0, eth1, ... in order, the egress interface last, and published
   * ports by way of it. Errors: port_without_egress, port_taken, address_not_here, and those of the cluster.
   */
  async createForWorkload(request: WorkloadEndpoints): Promise<EndpointRecord[]> {
    const { workload, networks, ports } = request
    const egress = networks.findIndex((network) => !network.internal)
    if (ports.length > 0 && egress < 0) throw publishedNowhere(workload, networks)
    const ipv6 = this.#egress.hasIpv6(networks, workload)
    if (!ipv6 && ports.some(isOfIpv6Alone)) throw publishedWithoutIpv6(workload, networks)
    const promise = this.#ports.promise(workload, ports)
    try {
      return await this.#createForWorkload(request, egress, ipv6)
    } finally {
      promise.release()
    }
  }

  #createForWorkload(request: WorkloadEndpoints, egress: number, ipv6: boolean): Promise<EndpointRecord[]> {
    const netnsId = this.#o.kernel.identify(request.netns)
    const specs = request.networks.map(
      (network, index): EndpointSpec => ({
        networkId: network.id,
        nodeId: this.#o.nodeId,
        workload: request.workload,
        name: index === 0 ? request.workload : `${request.workload}.${network.name}`,
        ip: index === 0 ? request.ip : null,
        ip6: index === 0 ? request.ip6 : null,
        mac: index === 0 ? request.mac : null,
        ifname: `eth${index}`,
        netns: request.netns,
        netnsId,
        origin: "run",
        egress: null,
        ports: index === egress ? request.ports : [],
      }),
    )
    return this.#create(specs, egress < 0 ? null : { index: egress, ifname: `eth${specs.length}`, ipv6 })
  }

  /**
   * An interface for somebody else's namespace. Errors: netns_*, pid_not_found, ifname_*, already_connected (conflict),
   * and those of the cluster.
   */
  attach(spec: AttachSpec): Promise<EndpointRecord> {
    const namespace = resolveNamespace(spec, this.#o.kernel)
    const workload = spec.name ?? `e${randomHex(this.#o.random, 8)}`
    return this.#attachIn(namespace, { workload, origin: "attach" }, spec)
  }

  /** One more interface for a workload of this node. Errors: those of `attach`. */
  async attachTo(place: Place, spec: Omit<AttachSpec, "netns" | "pid" | "name">): Promise<EndpointRecord> {
    return this.#attachIn(resolveNamespace({ ...spec, netns: place.netns }, this.#o.kernel), place, spec)
  }

  #attachIn(
    namespace: ChosenNamespace,
    { workload, origin }: Pick<Place, "workload" | "origin">,
    spec: AttachSpec,
  ): Promise<EndpointRecord> {
    return this.#inTurn(namespace.id, async () => {
      const network = this.resolveNetworks([spec.network])[0]!
      const seen = this.#o.kernel.observeWorkload(namespace.path)
      if (!seen) throw new OvlError("netns_not_found", `no namespace ${namespace.path}`, { kind: "not_found" })
      this.#refuseSecond(workload, namespace.id, network)
      const ifname =
        spec.ifname === undefined ? nextIfname(seen.interfaces) : chooseIfname(spec.ifname, seen.interfaces)
      const wantsEgress = !network.internal && (spec.egress ?? !seen.defaultRoute)
      const wantsIpv6 = wantsEgress && (spec.egress === true || !seen.defaultRoute6)
      const ipv6 = wantsIpv6 && this.#egress.hasIpv6([network], workload)
      const endpoint: EndpointSpec = {
        networkId: network.id,
        nodeId: this.#o.nodeId,
        workload,
        name: this.#isNameInUse(workload, namespace.id) ? `${workload}.${network.name}` : workload,
        ip: spec.ip ?? null,
        ip6: spec.ip6 ?? null,
        mac: spec.mac ?? null,
        ifname,
        netns: namespace.path,
        netnsId: namespace.id,
        origin,
        egress: null,
      }
      const egressName = nextIfname([...seen.interfaces, ifname])
      const [record] = await this.#create([endpoint], wantsEgress ? { index: 0, ifname: egressName, ipv6 } : null)
      return record!
    })
  }

  /** By endpoint or workload name, or id; a workload's name takes all its endpoints. Errors: endpoint_not_found, endpoint_elsewhere. */
  async detach(reference: string): Promise<void> {
    const folded = foldName(reference)
    const named = this.#catalog.findEndpoint(reference)
    const ofWorkload = [...this.#catalog.endpoints.values()].filter((each) => foldName(each.workload) === folded)
    const endpoints = ofWorkload.length > 0 && named?.id !== reference ? ofWorkload : named ? [named] : []
    const own = endpoints.filter((each) => each.nodeId === this.#o.nodeId)
    const elsewhere = endpoints[0] ?? (await this.#findElsewhere(reference))
    if (!elsewhere) throw endpointNotFound(reference, this.#catalog.namesOf("endpoints"))
    if (own.length === 0) {
      const node = this.#catalog.nodes.get(elsewhere.nodeId)?.name ?? elsewhere.nodeId
      throw new OvlError("endpoint_elsewhere", `cannot detach ${reference}: it is on node ${node}`, {
        kind: "conflict",
        hint: `detach it there`,
      })
    }
    if (own.some((each) => each.origin === "run"))
      throw new OvlError("endpoint_of_workload", `cannot detach ${reference}: it belongs to a workload that run made`, {
        kind: "conflict",
        hint: `\`ovl rm --force ${reference}\` ends the workload`,
      })
    await this.#remove(own)
  }

  /**
   * One of a workload's endpoints goes while the workload lives on: its egress, and with it the default route, passes to
   * the next of its networks that has any.
   */
  async give(endpoint: EndpointRecord): Promise<void> {
    await this.#remove([endpoint])
    if (endpoint.egress === null) return
    const others = this.#own().filter((each) => isOfWorkload(each, endpoint.workload))
    const heir = others.find((each) => this.#catalog.networks.get(each.networkId)?.internal === false)
    if (!heir || others.some((each) => each.egress !== null)) return
    const networks = others.flatMap((each) => this.#catalog.networks.get(each.networkId) ?? [])
    const ipv6 = this.#egress.hasIpv6(networks, endpoint.workload)
    await this.#egress.move([{ id: heir.id, ifname: endpoint.egress.ifname, ipv6 }])
    const changed = this.#catalog.endpoints.get(heir.id)
    try {
      if (changed) this.#o.dataplane.attach([changed])
    } catch (error) {
      this.#o.log.warn("cannot pass egress on at once", { why: asOvlError(error).message })
      this.#o.dataplane.reconcile()
    }
  }

  /** Withdraws all endpoints of a workload of this node; none is no error. */
  async removeOfWorkload(workload: string): Promise<void> {
    const folded = foldName(workload)
    await this.#remove(this.#own().filter((each) => foldName(each.workload) === folded))
  }

  /**
   * Gives up endpoints that nobody can use, as their namespace is gone. A workload that `run` made ends otherwise, except after a start (`starting`).
   */
  async freeWhatIsGone(starting: boolean): Promise<void> {
    const { events } = this.#o
    const { presence } = this.#o.dataplane
    const vanished = (each: EndpointRecord) =>
      (starting || each.origin === "attach") && !presence.isExpected(each) && !presence.isPresent(each)
    const gone = this.#own().filter(vanished)
    if (gone.length === 0) return
    await this.#remove(gone)
    for (const { name } of gone)
      events.emit("endpoint_freed", `endpoint ${name} freed: its namespace is gone`, { endpoint: name })
  }

  /** An interface is called otherwise by now: so it is from now on in the cluster too. Never throws. */
  async noteRenamed(id: string, before: string, after: string): Promise<void> {
    const endpoint = this.#catalog.endpoints.get(id)
    if (!endpoint || this.#renaming.has(id)) return
    const { name, egress } = endpoint
    const change = endpoint.ifname === before ? { ifname: after } : { egress: egress && { ...egress, ifname: after } }
    this.#renaming.add(id)
    try {
      const { revision } = await this.#o.cluster.updateEndpoints([{ id, ...change }])
      await this.#o.replica.waitFor(revision)
      const message = `interface ${before} of endpoint ${name} is called ${after} by now`
      this.#o.events.emit("endpoint_renamed", message, { endpoint: name, before, after })
    } catch (error) {
      // The next look at the interface tells it again.
      this.#o.log.warn("cannot tell an interface's new name yet", { endpoint: name, why: asOvlError(error).message })
    } finally {
      this.#renaming.delete(id)
    }
  }

  /** After a start, where the egress bridge had to take another subnet than before. */
  renumberEgress(): Promise<void> {
    return this.#egress.renumber()
  }

  /** Withdraws everything this node has. */
  async removeAll(): Promise<void> {
    await this.#remove(this.#own())
  }

  /** This node may not know the networks of other nodes' endpoints. Where nobody can be asked, its own is all there is. */
  async #findElsewhere(reference: string): Promise<EndpointRecord | undefined> {
    const catalog = await this.#o.replica.look(null).catch(() => null)
    return catalog?.findEndpoint(reference) ?? [...(catalog?.endpointsOfWorkload(reference) ?? [])][0]
  }

  #own(): EndpointRecord[] {
    return this.#catalog.endpointsOfNode(this.#o.nodeId)
  }

  /** A workload is on a network once; in another namespace the name is another workload's, as the cluster says. */
  #refuseSecond(workload: string, netnsId: string, network: NetworkRecord): void {
    const isThere = (each: EndpointRecord) => isOfWorkload(each, workload) && each.netnsId === netnsId
    if (!this.#own().some((each) => isThere(each) && each.networkId === network.id)) return
    throw new OvlError("already_connected", `workload ${workload}: on network ${network.name} already`, {
      kind: "conflict",
      hint: "`ovl endpoint ls` lists who is on which network",
    })
  }

  /** By an endpoint of the same namespace, which is the same workload's. */
  #isNameInUse(workload: string, netnsId: string): boolean {
    const folded = foldName(workload)
    return this.#own().some((each) => foldName(each.name) === folded && each.netnsId === netnsId)
  }

  async #create(
    specs: EndpointSpec[],
    egress: { index: number; ifname: string; ipv6: boolean } | null,
  ): Promise<EndpointRecord[]> {
    const { replica, withdrawals, random } = this.#o
    // With all rows of the networks known before the first of their endpoints is here.
    const release = await replica.hold([...new Set(specs.map((spec) => spec.networkId))])
    // A name may wait there for being free again.
    if (withdrawals.size > 0) await withdrawals.tell()
    let promise: Egress | null = null
    let room: { release: () => void } | null = null
    try {
      promise = egress ? this.#egress.promise(egress.ifname, egress.ipv6) : null
      const wanted = specs.map((spec, index) => ({
        ...spec,
        id: randomHex(random, 64),
        egress: index === egress?.index ? promise : null,
      }))
      room = this.#room.take(wanted)
      return await this.#createWanted(wanted, promise)
    } finally {
      room?.release()
      if (promise) this.#egress.release(promise)
      release()
    }
  }

  async #createWanted(wanted: (EndpointSpec & { id: string })[], egress: Egress | null): Promise<EndpointRecord[]> {
    const { cluster, replica, dataplane, events } = this.#o
    const expected = dataplane.presence.expect(wanted)
    let made = false
    try {
      const { endpoints, revision } = await cluster.createEndpoints(wanted)
      made = true
      await replica.waitFor(revision)
      dataplane.attach(endpoints)
      await Promise.all([this.#awaitOthers(endpoints, revision), this.#egress.report(egress)])
      for (const { name, ip } of endpoints)
        events.emit("endpoint_up", `endpoint ${name} is up at ${ip}`, { endpoint: name, ip })
      return endpoints
    } catch (error) {
      const ids = wanted.map((each) => each.id)
      if (made) await this.#undo(ids)
      else if (mayHaveBeenMade(error)) this.#withdraw(ids, WITHDRAWAL_OF_UNKNOWN_DELAY_MS)
      throw error
    } finally {
      expected.settle()
    }
  }

  /** Until every live node of the networks has its rows. A cluster that cannot be asked just now breaks nothing. */
  async #awaitOthers(endpoints: EndpointRecord[], revision: number): Promise<void> {
    const networkIds = [...new Set(endpoints.map((each) => each.networkId))]
    try {
      const { lagging } = await this.#o.cluster.awaitProgrammed(networkIds, revision, PROGRAMMED_WAIT_MS)
      this.#tellLagging(endpoints[0]!.name, lagging)
    } catch (error) {
      this.#o.log.warn("cannot tell whether the other nodes have followed", { why: asOvlError(error).message })
    }
  }

  /** Where the cluster cannot be reached now, it is told later. */
  async #undo(ids: string[]): Promise<void> {
    try {
      const { revision } = await this.#o.cluster.removeEndpoints(ids)
      await this.#o.replica.waitFor(revision)
    } catch (error) {
      this.#o.log.warn("cannot take back an attach yet", { why: asOvlError(error).message })
      this.#withdraw(ids)
    }
  }

  /** They are gone from here from now on, whatever the cluster still says; it is told when it answers. */
  #withdraw(ids: readonly string[], delayMs = 0): void {
    this.#o.withdrawals.add(ids, delayMs)
    this.#o.replica.forget(ids)
  }

  #tellLagging(endpoint: string, lagging: string[]): void {
    if (lagging.length === 0) return
    const nodes = lagging.join(", ")
    this.#o.events.emit("nodes_lagging", `${nodes} did not yet program endpoint ${endpoint}`, { endpoint, nodes })
  }

  /** Together with what others give up at the same time. */
  async #remove(endpoints: EndpointRecord[]): Promise<void> {
    if (endpoints.length === 0) return
    await this.#removals.add(endpoints)
    const revision = this.#catalog.revision
    // One that was withdrawn without a server is gone from here only.
    if (!endpoints.some((each) => this.#o.withdrawals.has(each.id))) await this.#awaitOthers(endpoints, revision)
    for (const each of endpoints)
      this.#o.events.emit("endpoint_gone", `endpoint ${each.name} is gone`, { endpoint: each.name, ip: each.ip })
  }

  /** Works without a server too: what is this node's own goes at once, and the cluster hears of it later. */
  async #removeTogether(endpoints: EndpointRecord[]): Promise<void> {
    const { cluster, replica, log } = this.#o
    const ids = endpoints.map((each) => each.id)
    try {
      const { revision } = await cluster.removeEndpoints(ids)
      await replica.waitFor(revision)
    } catch (error) {
      const { kind, message } = asOvlError(error)
      if (kind !== "unavailable") throw error
      log.warn("the servers are told later of what is gone here", { why: message })
      this.#withdraw(ids)
    }
  }

  #inTurn<T>(key: string, task: () => Promise<T>): Promise<T> {
    const before = this.#queues.get(key) ?? Promise.resolve()
    const result = before.then(task, task)
    const settled = result.catch(() => {})
    this.#queues.set(key, settled)
    void settled.then(() => {
      if (this.#queues.get(key) === settled) this.#queues.delete(key)
    })
    return result
  }
}

function publishedNowhere(workload: string, networks: readonly NetworkRecord[]): OvlError {
  const why = `${networks.map(({ name }) => name).join(", ")} ${networks.length > 1 ? "are" : "is"} internal`
  return new OvlError("port_without_egress", `cannot publish ports of ${workload}: ${why}`, {
    kind: "invalid",
    hint: "put it on a network too that is not --internal",
  })
}

function publishedWithoutIpv6(workload: string, networks: readonly NetworkRecord[]): OvlError {
  const why = `${networks.map(({ name }) => name).join(", ")} ${networks.length > 1 ? "give" : "gives"} it no way out by IPv6`
  return new OvlError("port_without_egress", `cannot publish IPv6 ports of ${workload}: ${why}`, {
    kind: "invalid",
    hint: "put it on a network too that has an IPv6 subnet and is not --internal, on a host with IPv6",
  })
}

/** Whether the cluster may have carried out, or may yet carry out, what ended in this error. */
function mayHaveBeenMade(error: unknown): boolean {
  return ["peer_timeout", "peer_closed", "outcome_unknown"].includes(asOvlError(error).code)
}
