/** Where the node is: its address on the underlay, and the directories in which it keeps and unpacks things. */
import { existsSync, statfsSync } from "node:fs"
import { dirname, join } from "node:path"
import { chooseVtep, deviceOf } from "../agent/vtep.ts"
import { OvlError } from "../base/errors.ts"
import { STORE_RESERVE_BYTES, UNPACK_MIN_BYTES } from "../base/limits.ts"
import { statfs } from "../linux/libc.ts"
import { type Check, type Finding, failed, ok, warning } from "./check.ts"
import type { Patient } from "./patient.ts"

/** ST_* of statvfs(3). */
const ST_RDONLY = 1
const ST_NOEXEC = 8

export const address: Check = {
  name: "address",
  look(patient): Finding[] {
    const { facts, options } = patient
    const known = knownAddress(patient)
    try {
      const { address: vtep, mtu } = chooseVtep(facts, options.advertise, known)
      const device = deviceOf(facts, vtep)
      if (device !== null) return [ok(`${vtep} on ${device}, which carries ${mtu} bytes`)]
      return [
        failed(`no interface of this host has ${vtep}`, "give it that address, or name another with --advertise ADDR"),
      ]
    } catch (error) {
      if (error instanceof OvlError) return [failed(error.message, error.hint)]
      throw error
    }
  },
}

function knownAddress(patient: Patient): string | null {
  try {
    return patient.identity()?.address ?? null
  } catch {
    return null // Not readable: then the host's own addresses are what there is to go by.
  }
}

export const unpacking: Check = {
  name: "temporary directory",
  look({ options }): Finding[] {
    const candidates = [join(options.runDir, "tmp"), join(options.dataDir, "tmp")]
    const reasons: string[] = []
    for (const directory of candidates) {
      const why = whyNoUnpacking(directory)
      if (why === null) return [ok(`${directory}: a library can be unpacked there and loaded`)]
      reasons.push(`${directory} is ${why}`)
    }
    return [
      failed(
        `a library must be unpacked to be loaded: ${reasons.join(", ")}`,
        "make room there, mount one of them read-write and with exec, or choose others with --run-dir or --data-dir",
      ),
    ]
  },
}

export const room: Check = {
  name: "data directory",
  look({ options }): Finding[] {
    const { place, freeBytes, flags } = fileSystemOf(options.dataDir)
    if ((flags & ST_RDONLY) !== 0)
      return [failed(`${options.dataDir}: ${place} is mounted read-only`, "choose another with --data-dir")]
    const free = `${Math.floor(freeBytes / 1_048_576)} MB free`
    if (freeBytes < 64 * STORE_RESERVE_BYTES)
      return [warning(`${options.dataDir}: ${free}, soon too little for the store`, "make room there")]
    return [ok(`${options.dataDir}: ${free}`)]
  },
}

function whyNoUnpacking(directory: string): string | null {
  const { flags, freeBytes } = fileSystemOf(directory)
  if ((flags & ST_NOEXEC) !== 0) return "mounted noexec"
  if ((flags & ST_RDONLY) !== 0) return "mounted read-only"
  return freeBytes < UNPACK_MIN_BYTES ? "full" : null
}

/** Of the directory, or where there is none yet, of the one that it would be made in. */
function fileSystemOf(directory: string): { place: string; flags: number; freeBytes: number } {
  let place = directory
  while (!existsSync(place) && dirname(place) !== place) place = dirname(place)
  const { bavail, bsize } = statfsSync(place)
  return { place, flags: statfs(place).flags, freeBytes: bavail * bsize }
}
