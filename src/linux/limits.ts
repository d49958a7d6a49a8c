/** This program's limit of open files: each waiting request has a connection, and each connection is a descriptor. */
import { OPEN_FILES_WANTED } from "../base/limits.ts"
import { openFilesLimit, trySetOpenFilesLimit } from "./libc.ts"

export interface OpenFiles {
  /** How many may be open from now on. */
  limit: number
  /** That is less than OPEN_FILES_WANTED, and may not be raised further. */
  short: boolean
}

/**
 * Raises the limit to OPEN_FILES_WANTED, or as far as the kernel lets this program; one that is higher already stays.
 * It costs nothing until the files are open.
 */
export function raiseOpenFiles(wanted = OPEN_FILES_WANTED): OpenFiles {
  const { soft, hard } = openFilesLimit()
  if (soft < wanted) {
    // Beyond the hard limit only with CAP_SYS_RESOURCE; up to it, everybody may.
    const raised = hard < wanted && trySetOpenFilesLimit({ soft: wanted, hard: wanted })
    if (!raised) trySetOpenFilesLimit({ soft: Math.min(wanted, hard), hard })
  }
  const { soft: limit } = openFilesLimit()
  return { limit, short: limit < wanted }
}
