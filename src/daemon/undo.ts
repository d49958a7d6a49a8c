/** What was done on the way up, so that it can be taken back in reverse: when a later step fails, and at the end. */
export class Undo {
  readonly #steps: (() => void | Promise<void>)[] = []

  add(step: () => void | Promise<void>): void {
    this.#steps.push(step)
  }

  /** Takes everything back, the last first. A step that fails does not keep the others from being taken. */
  async all(onFailure: (error: unknown) => void): Promise<void> {
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      try {
        await step()
      } catch (error) {
        onFailure(error)
      }
    }
  }
}
