/** One verb for several names: each is reported, one that fails does not stop the others, and the first failure counts. */
import { asOvlError, type OvlError } from "../base/errors.ts"
import type { Context } from "./context.ts"

/**
 * Calls `act` for each name in turn and prints the names that are done, as docker does; with `--json`, one document.
 * Resolves to the exit status.
 */
export async function forEachName(
  context: Pick<Context, "settings" | "report" | "line" | "document">,
  names: readonly string[],
  act: (name: string) => Promise<void>,
): Promise<number> {
  const done: string[] = []
  const failed: { name: string; error: OvlError }[] = []
  for (const name of names) {
    try {
      await act(name)
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
