/** Says what is being done now; a terminal shows it, a pipe does not. */
export type Progress = (step: string) => void
