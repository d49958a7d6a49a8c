/** Carries out the steps of an underlay, one after another; each is done when it returns. */
import { unreachable } from "../../base/assert.ts"
import { OvlError } from "../../base/errors.ts"
import { isErrno } from "../../linux/errno.ts"
import { close } from "../../linux/libc.ts"
import { createPinnedNamespace, deleteNamespace, isNamespace, openNamespace } from "../../linux/namespaces.ts"
import { addr, link, type NetlinkSocket, qdisc, route } from "../../netlink/index.ts"
import { forgetHost } from "../hosts.ts"
import { type LabPlaces, SWITCH } from "../places.ts"
import { writeCuts } from "./cuts.ts"
import { openPinned } from "./observe.ts"
import type { UnderlayStep } from "./steps.ts"
import { bucketOf, HOST_LINK, HOST_LINK_INDEX, SWITCH_BRIDGE, SWITCH_BRIDGE_INDEX } from "./wanted.ts"

/** Errors: lab_rate_refused, lab_cut_refused, and the kernel's. */
export function applySteps(places: LabPlaces, steps: readonly UnderlayStep[]): void {
  for (const step of steps) applyStep(places, step)
}

function applyStep(places: LabPlaces, step: UnderlayStep): void {
  if (step.do === "netns-add") return addNamespace(places, step.ns)
  if (step.do === "cuts-set") return writeCuts(places.pin(step.ns, "net"), step.cuts)
  using socket = openPinned(places, step.ns)
  switch (step.do) {
    case "lo-up":
      return link.set(socket, "lo", { up: true })
    case "bridge-add":
      return addSwitch(socket)
    case "cable-add":
      return plug(places, socket, step)
    case "link-set": {
      const { name, mtu, up } = step
      const master = step.master === undefined ? undefined : indexOf(socket, step.master)
      return link.set(socket, name, { mtu, up, master })
    }
    case "addr-add":
      return addr.replace(socket, { index: indexOf(socket, step.name), address: step.address })
    case "addr-del":
      return addr.del(socket, { index: indexOf(socket, step.name), address: step.address })
    case "route-replace":
      return route.replace(socket, { dst: "default", via: step.via, index: indexOf(socket, step.name) })
    case "rate-set":
      return setRate(socket, indexOf(socket, step.name), step.rateBits, step.mtu)
    case "rate-del":
      return qdisc.del(socket, indexOf(socket, step.name))
    default:
      return unreachable(step)
  }
}

function addNamespace(places: LabPlaces, name: string): void {
  const path = places.pin(name, "net")
  // A file without a namespace is what a creation that was cut off leaves.
  deleteNamespace(path)
  forgetHost(places, name)
  createPinnedNamespace(path)
}

function addSwitch(socket: NetlinkSocket): void {
  link.add(socket, { kind: "bridge", name: SWITCH_BRIDGE, index: SWITCH_BRIDGE_INDEX, mcastSnooping: false })
  link.set(socket, SWITCH_BRIDGE, { up: true })
}

function indexOf(socket: NetlinkSocket, name: string): number {
  const index = link.indexOf(socket, name)
  if (index !== null) return index
  throw new OvlError("lab_link_gone", `lab: ${name} went away while the lab was made`, { hint: "`ovl lab up` again" })
}

type CableStep = Extract<UnderlayStep, { do: "cable-add" }>

/** Of an old cable one end may be left: it goes with the other, and its place is taken. */
function plug(places: LabPlaces, underlay: NetlinkSocket, { station, index, mtu }: CableStep): void {
  if (link.indexOf(underlay, station) !== null) link.del(underlay, station)
  using own = openPinned(places, station)
  if (link.indexOf(own, HOST_LINK) !== null) link.del(own, HOST_LINK)
  const namespace = openNamespace(places.pin(station, "net"))
  try {
    const peer = { name: HOST_LINK, index: HOST_LINK_INDEX, namespace, mtu }
    link.add(underlay, { kind: "veth", name: station, index, mtu, peer })
  } finally {
    close(namespace)
  }
}

function setRate(socket: NetlinkSocket, index: number, rateBits: number, mtu: number): void {
  try {
    qdisc.replace(socket, { index, ...bucketOf(rateBits, mtu) })
  } catch (error) {
    if (!isErrno(error, "ENOENT", "EOPNOTSUPP", "EINVAL")) throw error
    throw new OvlError("lab_rate_refused", "lab: rates cannot be limited on this machine: the kernel has no tbf", {
      hint: "load it (modprobe sch_tbf), or leave the rates out of the file",
      cause: error,
    })
  }
}

/** Takes one station off the switch, and its namespaces with it. Nothing may live in them any more. */
export function removeStation(places: LabPlaces, name: string): void {
  if (isNamespace(places.pin(SWITCH, "net"))) {
    using underlay = openPinned(places, SWITCH)
    if (link.indexOf(underlay, name) !== null) link.del(underlay, name)
  }
  forgetHost(places, name)
  deleteNamespace(places.pin(name, "net"))
}

/** Unplugs every cable: the kernel frees a namespace's links behind our back, and slowly. */
export function unwireUnderlay(places: LabPlaces): void {
  if (!isNamespace(places.pin(SWITCH, "net"))) return
  using underlay = openPinned(places, SWITCH)
  const batch = underlay.batch()
  for (const each of link.list(underlay))
    if (each.kind === "veth" || each.kind === "bridge") link.del(batch, each.index)
  batch.send()
}
