import { asOvlError, OvlError } from "../../base/errors.ts"
import type { Client } from "../../client/client.ts"
import { defineCommand } from "../command.ts"
import type { Context } from "../context.ts"
import { optionMissing } from "../usage.ts"
import { durationText } from "../values.ts"
import { CONDITIONS, type Condition, parseCondition, type Seen } from "../wait/conditions.ts"

/** Some things no event tells of, such as what happens to another node's endpoints: those are looked at so often. */
const LOOK_INTERVAL_MS = 500
/** What a look that is under way when the time is over may still take: a daemon that hangs never answers. */
const LAST_LOOK_MS = 1_000

export const wait = defineCommand({
  path: ["wait"],
  task: "Look closer",
  summary: "Wait until nodes, networks, endpoints or workloads are as wanted",
  details: `Conditions: ${CONDITIONS.join(", ")}. Where a state is left out the first is meant; nodes=N is at least so many that are alive; workloads are those of the node that is asked. Several conditions must all be so at once. It looks again with each event, and waits for a daemon too. Of a workload that has ended it prints the exit status of its command. Exits 1 when it is not so in time, and says how it is instead; 6 where there is still no daemon.`,
  examples: [
    { what: "After a start, before anything else", line: "ovl wait --for leader --for nodes=3" },
    { what: "The end of a job", line: "ovl wait --for workload=job:exited --timeout 10m" },
  ],
  arguments: {},
  options: {
    for: {
      kind: "list",
      value: "CONDITION",
      config: "",
      suggests: CONDITIONS.map((each) => each.replace(/=.*/, "=")),
      description: "What to wait for; several times: all of it",
    },
    timeout: { kind: "duration", value: "TIME", default: 30_000, max: 86_400_000, description: "For so long at most" },
  },
  async run(context) {
    const { for: texts, timeout } = context.options
    if (texts.length === 0) throw optionMissing("wait", "--for", `name one of ${CONDITIONS.join(", ")}`)
    const conditions = texts.map(parseCondition)
    const seen = await waitFor(context, await context.client(), conditions, timeout)
    if (context.settings.json) context.document(seen.map((each, at) => ({ condition: conditions[at]!.text, ...each })))
    else for (const each of seen) tell(context, each)
    return 0
  },
})

function tell(context: Pick<Context, "line" | "remark">, { now, exitCode = null }: Seen): void {
  if (exitCode === null) context.remark(now)
  else context.line(String(exitCode))
}

/** Resolves when all are met. Errors: wait_timeout, which says what is the case; it is `unavailable` where no daemon is. */
async function waitFor(
  context: Pick<Context, "sleep">,
  client: Client,
  conditions: readonly Condition[],
  timeoutMs: number,
): Promise<Seen[]> {
  const stop = new AbortController()
  let over = false
  const timeout = context.sleep(timeoutMs).then(() => {
    over = true
  })
  let wake = () => {}
  let happened: Promise<void> = Promise.resolve()
  const expect = () => {
    happened = new Promise((resolve) => {
      wake = resolve
    })
  }
  const { promise: silence, resolve: giveUp } = Promise.withResolvers<OvlError>()
  const silent = new OvlError("daemon_silent", "the daemon does not answer", {
    kind: "unavailable",
    hint: "see its log, and `ovl doctor`",
  })
  const patience = setTimeout(() => giveUp(silent), timeoutMs + LAST_LOOK_MS)
  const listening = listen(context, client, stop.signal, () => wake())
  try {
    for (;;) {
      // Before looking: what happens meanwhile is a reason to look again.
      expect()
      const last = over
      const seen = await Promise.race([lookAll(client, conditions), silence])
      if (Array.isArray(seen) && seen.every(({ met }) => met)) return seen
      if (last || seen === silent) throw timedOut(conditions, seen, timeoutMs)
      await Promise.race([happened, timeout, context.sleep(LOOK_INTERVAL_MS)])
    }
  } finally {
    clearTimeout(patience)
    stop.abort()
    await listening
  }
}

/** Or why the daemon cannot be asked, which may pass. */
async function lookAll(client: Client, conditions: readonly Condition[]): Promise<Seen[] | OvlError> {
  try {
    return await Promise.all(conditions.map(({ look }) => look(client)))
  } catch (thrown) {
    const error = asOvlError(thrown)
    if (error.kind === "unavailable") return error
    throw thrown
  }
}

async function listen(
  context: Pick<Context, "sleep">,
  client: Client,
  signal: AbortSignal,
  onEvent: () => void,
): Promise<void> {
  const ended = new Promise<void>((resolve) => signal.addEventListener("abort", () => resolve()))
  while (!signal.aborted) {
    try {
      for await (const _ of client.events({ signal })) onEvent()
    } catch {
      // What the daemon has to say against it, the looks say.
    }
    if (!signal.aborted) await Promise.race([context.sleep(LOOK_INTERVAL_MS), ended])
  }
}

function timedOut(conditions: readonly Condition[], seen: Seen[] | OvlError, timeoutMs: number): OvlError {
  const after = durationText(timeoutMs)
  const hint = "wait for longer with --timeout, or see `ovl status`"
  if (seen instanceof OvlError)
    return new OvlError("wait_timeout", `wait for ${textsOf(conditions)}: not so after ${after}: ${seen.message}`, {
      kind: "unavailable",
      hint: seen.hint,
    })
  const missing = conditions.filter((_, at) => !seen[at]!.met)
  const now = seen.flatMap((each) => (each.met ? [] : [each.now])).join("; ")
  return new OvlError("wait_timeout", `wait for ${textsOf(missing)}: not so after ${after}: ${now}`, { hint })
}

function textsOf(conditions: readonly Condition[]): string {
  return conditions.map(({ text }) => text).join(", ")
}
