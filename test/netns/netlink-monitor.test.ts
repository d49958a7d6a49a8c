/** Notifications of the real kernel, through Bun's event loop. */
import { expect, test } from "bun:test"
import { addr, fdb, link, type MonitorEvent, neigh, openMonitor, route } from "../../src/netlink/index.ts"
import { describeAsRoot, sandbox } from "../support/netns.ts"

function show(event: MonitorEvent): string {
  switch (event.kind) {
    case "link":
    case "port":
      return `${event.kind} ${event.action} ${event.link.name} ${event.link.up ? "up" : "down"}`
    case "addr":
      return `addr ${event.action} ${event.address.address}/${event.address.prefixLength}`
    case "neigh":
      return `neigh ${event.action} ${event.neighbour.ip} ${event.neighbour.state}`
    case "fdb":
      return `fdb ${event.action} ${event.entry.mac} ${event.entry.on} ${event.entry.dst}`
    case "route":
      return `route ${event.action} ${event.route.dst}`
    case "nsid":
      return `nsid ${event.action} ${event.nsid}`
  }
}

/** Waits until the text is among the events; the test's own time limit ends it. */
async function until(done: () => boolean): Promise<void> {
  while (!done()) await Bun.sleep(1)
}

const fail = (error: unknown) => {
  throw error
}

describeAsRoot("monitor", () => {
  const box = sandbox()

  test("tells what changes, in order", async () => {
    const here = box.namespace("here")
    const seen: string[] = []
    const monitor = openMonitor({
      namespace: here.path,
      groups: ["link", "addr", "neigh", "route", "nsid"],
      onEvent: (event) => seen.push(show(event)),
      onOverrun: () => seen.push("overrun"),
      onFailed: fail,
    })
    link.set(here.socket, "lo", { up: true })
    addr.add(here.socket, { index: 1, address: "10.0.0.1/24" })
    route.add(here.socket, { dst: "10.1.0.0/16", index: 1 })
    link.add(here.socket, { kind: "bridge", name: "br0", up: true })
    link.add(here.socket, { kind: "vxlan", name: "vx", vni: 5, local: "10.0.0.1", port: 4789, learning: false })
    const [br0, vx] = [link.indexOf(here.socket, "br0")!, link.indexOf(here.socket, "vx")!]
    link.set(here.socket, vx, { master: br0 })
    fdb.replace(here.socket, { index: vx, mac: "02:00:00:00:00:01", dst: "10.0.0.2" })
    neigh.replace(here.socket, { index: vx, ip: "10.0.0.3", mac: "02:00:00:00:00:01" })
    neigh.del(here.socket, { index: vx, ip: "10.0.0.3" })
    fdb.del(here.socket, { index: vx, mac: "02:00:00:00:00:01" })
    link.set(here.socket, vx, { master: 0 })
    link.del(here.socket, vx)
    await until(() => seen.includes("link del vx down"))
    monitor.close()
    const wanted = [
      "link new lo up",
      "addr new 10.0.0.1/24",
      "route new 10.1.0.0/16",
      "link new br0 up",
      "link new vx down",
      "port new vx down",
      "fdb new 02:00:00:00:00:01 self 10.0.0.2",
      "neigh new 10.0.0.3 permanent",
      "neigh del 10.0.0.3 failed",
      "fdb del 02:00:00:00:00:01 self 10.0.0.2",
      "port del vx down",
      "link del vx down",
    ]
    // Leaving a bridge is not the end of the link: that comes last.
    expect(wanted.filter((line) => seen.includes(line))).toEqual(wanted)
    const places = wanted.map((line) => seen.lastIndexOf(line)).slice(6)
    expect(places).toEqual([...places].sort((a, b) => a - b))
    expect(seen).not.toContain("overrun")
  })

  test("says when events were lost, and goes on", async () => {
    const here = box.namespace("flood")
    link.add(here.socket, { kind: "vxlan", name: "vx", vni: 6, local: "10.0.0.1", port: 4789, learning: false })
    const vx = link.indexOf(here.socket, "vx")!
    let [events, overruns] = [0, 0]
    const monitor = openMonitor({
      namespace: here.fd,
      groups: ["neigh"],
      onEvent: () => events++,
      onOverrun: () => overruns++,
      onFailed: fail,
    })
    const batch = here.socket.batch()
    for (let round = 0; round < 6; round++) {
      for (let i = 0; i < 10_000; i++) {
        const mac = `02:00:00:00:${(i >> 8).toString(16).padStart(2, "0")}:${(i & 255).toString(16).padStart(2, "0")}`
        fdb.replace(batch, { index: vx, mac, dst: round % 2 === 0 ? "10.0.0.2" : "10.0.0.3" })
      }
      batch.commit()
    }
    await until(() => overruns > 0)
    const before = events
    fdb.replace(here.socket, { index: vx, mac: "02:00:00:00:ff:ff", dst: "10.0.0.4" })
    await until(() => events > before)
    expect(overruns).toBe(1)
    monitor.close()
    monitor.close()
    fdb.del(here.socket, { index: vx, mac: "02:00:00:00:ff:ff" })
    await Bun.sleep(20)
    expect(events).toBe(before + 1)
  })

  test("closed before the loop has turned, it tells nothing", async () => {
    const here = box.namespace("closed")
    let events = 0
    const count = () => {
      events++
    }
    const monitor = openMonitor({
      namespace: here.path,
      groups: ["link"],
      onEvent: count,
      onOverrun: count,
      onFailed: count,
    })
    link.set(here.socket, "lo", { up: true })
    monitor.close()
    await Bun.sleep(20)
    expect(events).toBe(0)
    expect(() =>
      openMonitor({ namespace: "/nowhere", groups: ["link"], onEvent: count, onOverrun: count, onFailed: count }),
    ).toThrow("ENOENT")
  })
})
