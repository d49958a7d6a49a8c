/**
 * Words that ovl says to itself when it starts itself again: into a workload, as a workload's supervisor, into a host of
 * a lab; and the one that the completion scripts ask. They are no commands, stand in no help, and are looked up before
 * anything else, for they must start fast.
 */
import { asOvlError } from "../base/errors.ts"

type HiddenProgram = (args: string[]) => Promise<number>

const HIDDEN: Record<string, HiddenProgram> = {
  __enter: async () => (await import("../agent/workload/enter.ts")).runEnterTask(),
  __supervise: async ([dir = ""]) => (await import("../agent/workload/supervise.ts")).supervise(dir),
  "__lab-host": async ([lab = "", host = ""]) => (await import("../lab/host-init.ts")).holdLabHost(lab, host),
  "__lab-exec": async ([lab = "", host = "", ...command]) =>
    (await import("../lab/exec.ts")).execInLabHost(lab, host, command),
  __complete: async (words) => {
    const { completionProgram } = await import("./completion/program.ts")
    return completionProgram(words, (await import("./world.ts")).realWorld)
  },
}

/** The hidden program of that name, or null. It resolves to the exit status, its errors reported like a command's. */
export function hiddenProgram(word: string | undefined): HiddenProgram | null {
  if (word === undefined || !Object.hasOwn(HIDDEN, word)) return null
  return (args) => HIDDEN[word]!(args).catch(report)
}

async function report(thrown: unknown): Promise<number> {
  const { errorText } = await import("./report.ts")
  const { realIo } = await import("./io.ts")
  const { styleFor } = await import("./render/style.ts")
  realIo.stderr(errorText(thrown, false, false, styleFor(realIo.stderrIsTerminal, false, realIo.env)))
  return asOvlError(thrown).exitStatus
}
