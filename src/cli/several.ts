/** One verb for several names: each is reported, one that fails does not stop the others, and the first failure counts. */
import { asOvlError, type OvlError } from "../base/errors.ts"
import { nameOf } from "./command.ts"
import type { Context } from "./context.ts"
import { patiently } from "./render/progress.ts"
import { visible } from "./render/text.ts"

/**
 * Calls `act` for each name and prints the names that are done, as docker does, in the order in which they were given;
 * with `--json`, one document. So many are under way at a time: one unless the order does not matter. Resolves to the
 * exit status.
 */
export async function forEachName(
  context: Pick<Context, "command" | "settings" | "io" | "errorStyle" | "sleep" | "report" | "line" | "document">,
  names: readonly string[],
  act: (name: string) => Promise<void>,
  atOnce = 1,
): Promise<number> {
  const done: string[] = []
  const failed: { name: string; error: OvlError }[] = []
  // A name that is given twice is asked for twice, one after the other.
  const width = new Set(names).size === names.length ? atOnce : 1
  const answers: Promise<void>[] = []
  const startUpTo = (end: number) => {
    while (answers.length < Math.min(end, names.length)) {
      const name = names[answers.length]!
      const answer = (async () => act(name))()
      answer.catch(() => {})
      answers.push(answer)
    }
  }
  for (const [place, name] of names.entries()) {
    startUpTo(place + width)
    try {
      await patiently(context, answers[place]!, `${nameOf(context.command)} ${visible(name)}`)
      done.push(name)
      if (!context.settings.json) context.line(name)
    } catch (thrown) {
      failed.push({ name, error: asOvlError(thrown) })
      context.report(thrown)
    }
  }
  if (context.settings.json)
    context.document({ done, failed: failed.map(({ name, error }) => ({ name, ...error.toJSON() })) })
  return failed[0]?.error.exitStatus ?? 0
}
