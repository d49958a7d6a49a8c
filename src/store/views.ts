/** Views: states of the store that are kept while somebody reads them in pages; how many, and for how long, is bounded. */
import type { Clock } from "../base/clock.ts"
import { OvlError } from "../base/errors.ts"
import { STORE_VIEW_IDLE_MS, STORE_VIEWS_MAX } from "../base/limits.ts"
import type { Keeper } from "./backend.ts"
import type { View } from "./port.ts"
import { Reader } from "./reader.ts"
import { StateReads } from "./reads.ts"

export class Views {
  readonly #keeper: Keeper
  readonly #clock: Clock
  readonly #open = new Set<KeptState>()

  /** `keeper`: what the reads that it serves go to. */
  constructor(keeper: Keeper, clock: Clock) {
    this.#keeper = keeper
    this.#clock = clock
  }

  /** Of the state as it is. Throws `store_busy`. */
  open(revision: number): KeptState {
    if (this.#open.size >= STORE_VIEWS_MAX)
      throw new OvlError("store_busy", `read: ${STORE_VIEWS_MAX} long listings are under way already`, {
        kind: "unavailable",
      })
    const { tables, release } = this.#keeper.keep()
    let cancel = (): void => {}
    const view = new KeptState(new Reader(tables), revision, () => {
      cancel()
      this.#open.delete(view)
      release()
    })
    const look = (): void => {
      if (!view.takeUsed()) view.close()
      else cancel = this.#clock.after(STORE_VIEW_IDLE_MS, look)
    }
    look()
    this.#open.add(view)
    return view
  }

  close(): void {
    for (const view of [...this.#open]) view.close()
  }
}

export class KeptState extends StateReads implements View {
  readonly #reader: Reader
  readonly #release: () => void
  readonly #life: Life

  constructor(reader: Reader, revision: number, release: () => void) {
    const life = { over: false, used: true }
    super(
      reader,
      () => revision,
      () => use(life),
    )
    this.#reader = reader
    this.#release = release
    this.#life = life
  }

  /** What reads it without asking each time; `checkKept` does that. */
  get reader(): Reader {
    this.checkKept()
    return this.#reader
  }

  /** Throws `view_expired`. */
  checkKept(): void {
    use(this.#life)
  }

  /** Whether it was read since this was asked last. */
  takeUsed(): boolean {
    const { used } = this.#life
    this.#life.used = false
    return used
  }

  close(): void {
    if (this.#life.over) return
    this.#life.over = true
    this.#release()
  }
}

interface Life {
  over: boolean
  used: boolean
}

function use(life: Life): void {
  if (life.over) throw viewExpired()
  life.used = true
}

function viewExpired(): OvlError {
  return new OvlError("view_expired", "read: this state of the store is not kept any more", { kind: "unavailable" })
}
