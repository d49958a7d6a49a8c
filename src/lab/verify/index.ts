/** `ovl lab verify`: proves a lab that is up, check by check, and says what was seen. It changes nothing. */
import { asOvlError, OvlError } from "../../base/errors.ts"
import type { LabCheck, LabVerify } from "../../model/lab.ts"
import { lockLab } from "../lock.ts"
import { LabPlaces } from "../places.ts"
import { bare } from "../topology.ts"
import { chooseLab } from "../state.ts"
import type { Progress } from "../progress.ts"
import { runChecks } from "./check.ts"
import { egressChecks } from "./checks-egress.ts"
import { isolationChecks } from "./checks-isolation.ts"
import { kernelChecks } from "./checks-kernel.ts"
import { recordChecks } from "./checks-record.ts"
import { wireChecks } from "./checks-wire.ts"
import { openDoors } from "./doors.ts"
import { doorsOf, expectationChecks } from "./expectations.ts"
import { type Responder, respond } from "./probe.ts"
import { lookAround, type Scene } from "./scene.ts"

/** The lab of that name, or the only one. Errors: lab_not_found, lab_ambiguous, lab_busy (conflict), lab_inside. Whatever is wrong with the lab itself is a failed check. */
export async function labVerify(lab: string | undefined, progress: Progress): Promise<LabVerify> {
  const places = new LabPlaces(chooseLab(lab))
  const lock = lockLab(places)
  try {
    const checks = await allChecks(places, progress)
    const failed = checks.filter((check) => !check.ok).length
    return { lab: places.lab, passed: checks.length - failed, failed, checks }
  } finally {
    lock.release()
  }
}

async function allChecks(places: LabPlaces, progress: Progress): Promise<LabCheck[]> {
  let responders: Responder[] = []
  try {
    progress("looking around")
    const scene = await lookAround(places, topologyOf(places))
    responders = await openResponders(scene)
    // The wire first and alone: what is recorded there should be its own questions only.
    progress("on the wire")
    const wire = await runChecks(wireChecks(scene))
    progress("between the networks, in the kernel, to the outside")
    const kernel = await runChecks([...isolationChecks(scene), ...kernelChecks(scene), ...egressChecks(scene)])
    progress("in the store")
    const records = await runChecks(recordChecks(scene))
    progress("as expected")
    using _ = await openDoors(doorsOf(scene))
    return [...wire, ...kernel, ...records, ...(await runChecks(expectationChecks(scene)))]
  } catch (error) {
    return [{ name: "the lab is complete", ok: false, detail: asOvlError(error).message }]
  } finally {
    for (const responder of responders) responder.close()
  }
}

function topologyOf(places: LabPlaces) {
  const topology = places.topology()
  if (topology) return topology
  throw new OvlError("lab_incomplete", `lab ${places.lab} was never brought up to its end`)
}

/** All or none. */
async function openResponders(scene: Scene): Promise<Responder[]> {
  const { outside } = scene
  const opened = await Promise.allSettled([
    ...[...scene.workloads, ...scene.hosts].map(({ netns, name }) => respond(netns, name)),
    ...scene.workloads.flatMap(({ netns, name, endpoints }) =>
      endpoints.flatMap(({ endpoint }) => (endpoint.ip6 ? [respond(netns, name, bare(endpoint.ip6))] : [])),
    ),
    respond(outside.netns, outside.name, outside.address),
  ])
  const responders = opened.flatMap((each) => (each.status === "fulfilled" ? [each.value] : []))
  const failure = opened.find((each) => each.status === "rejected")
  if (!failure) return responders
  for (const responder of responders) responder.close()
  throw failure.reason
}
