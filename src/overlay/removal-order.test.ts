import { expect, test } from "bun:test"
import { renderPlan } from "../model/operation.ts"
import { orderRemovals } from "./removal-order.ts"
import { removeEgress, removeEgressPort, removeNetwork, removePeer, removePort } from "./steps.ts"

const RED = "/run/netns/1-aaaaaaaaaa"
const GREEN = "/run/netns/1-bbbbbbbbbb"

test("links follow each other by namespace, rows come before them, what ends comes last", () => {
  const peer = { ips: ["10.0.0.9"], mac: "02:42:0a:00:00:09", vtep: "192.168.1.52", pinned: false }
  const plan = [
    ...removePort(RED, { device: "veth2" }),
    ...removeEgressPort({ device: "ovl111111111111" }),
    ...removePort(GREEN, { device: "veth2" }),
    ...removePeer(RED, peer),
    ...removeNetwork(RED, ["veth3", "vxlan1", "br0"]),
    ...removeEgress(["ovl222222222222"]),
  ]
  const ordered = orderRemovals(plan)
  expect(ordered.map(({ op, ns, ...rest }) => `${ns} ${op} ${"name" in rest ? rest.name : ""}`)).toEqual([
    `${RED} neigh-del vxlan1`,
    `${RED} fdb-del vxlan1`,
    `${RED} link-del veth2`,
    `${RED} link-del veth3`,
    `${RED} link-del vxlan1`,
    `${RED} link-del br0`,
    " link-del ovl111111111111",
    " link-del ovl222222222222",
    " link-del ovl_gwbridge",
    `${GREEN} link-del veth2`,
    `${RED} netns-del `,
    " sysctl-restore ",
  ])
  expect(renderPlan(ordered).split("\n").sort()).toEqual(renderPlan(plan).split("\n").sort())
})
