/** What the underlay of a lab is now, read from its namespaces. */
import { assert } from "../../base/assert.ts"
import { isNamespace, sameNamespace } from "../../linux/namespaces.ts"
import { addr, link, NetlinkSocket, qdisc, route } from "../../netlink/index.ts"
import { listPinned } from "../hosts.ts"
import { type LabPlaces, SWITCH } from "../places.ts"
import { readCuts } from "./cuts.ts"
import type { ObservedLink, ObservedStation, ObservedUnderlay } from "./plan.ts"
import { HOST_LINK, SWITCH_BRIDGE } from "./wanted.ts"

/** Never the machine's own: whatever went wrong before, links and addresses are made in the lab only. */
export function openPinned(places: LabPlaces, name: string): NetlinkSocket {
  const path = places.pin(name, "net")
  assert(!sameNamespace(path, "/proc/thread-self/ns/net"), `lab: ${path} is this program's own network`)
  return NetlinkSocket.open({ namespace: path })
}

export function observeUnderlay(places: LabPlaces): ObservedUnderlay {
  const stations = listPinned(places)
    .filter((name) => isNamespace(places.pin(name, "net")))
    .map((name) => [name, observeStation(places, name)] as const)
  const hasSwitch = isNamespace(places.pin(SWITCH, "net"))
  return {
    switch: hasSwitch ? observeSwitch(places) : null,
    stations: new Map(stations),
    cuts: hasSwitch ? readCuts(places.pin(SWITCH, "net")) : [],
  }
}

function linksOf(socket: NetlinkSocket): Map<string, ObservedLink> {
  const links = link.list(socket)
  const names = new Map(links.map((each) => [each.index, each.name]))
  const rates = new Map(qdisc.list(socket).map((each) => [each.index, each.rateBytes]))
  return new Map(
    links.map(({ index, name, mtu, up, master }) => {
      const masterName = master === null ? null : (names.get(master) ?? null)
      return [name, { index, mtu, up, master: masterName, rateBytes: rates.get(index) ?? null }]
    }),
  )
}

function observeSwitch(places: LabPlaces): ObservedUnderlay["switch"] {
  using socket = openPinned(places, SWITCH)
  const links = linksOf(socket)
  const bridgeUp = links.get(SWITCH_BRIDGE)?.up ?? null
  const loUp = links.get("lo")?.up ?? false
  return { loUp, bridgeUp, ports: new Map([...links].filter(([name]) => name !== "lo" && name !== SWITCH_BRIDGE)) }
}

function observeStation(places: LabPlaces, name: string): ObservedStation {
  using socket = openPinned(places, name)
  const links = linksOf(socket)
  const own = links.get(HOST_LINK) ?? null
  const addresses = addr.list(socket, { family: 4 })
  const on = (index: number | undefined) =>
    addresses.filter((each) => each.index === index).map((each) => `${each.address}/${each.prefixLength}`)
  const routes = own === null ? [] : route.list(socket, { index: own.index, family: 4 })
  return {
    loUp: links.get("lo")?.up ?? false,
    link: own,
    addresses: on(own?.index),
    loopback: on(links.get("lo")?.index),
    gateway: routes.find((each) => each.dst === "default")?.via ?? null,
  }
}
